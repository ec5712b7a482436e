// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Prometheus parser, selectors and the mapping to Dyncast's metrics: tables
 * of cases, hostile text among them.  Each table has cases that must be
 * accepted beside those that must not.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/mapping.h"
#include "tests/unit/between.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct seen {
	uint32_t n;
	size_t n_labels;
	double last;
};

static void on_sample(const struct dyncast_prometheus_sample *sample, void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	seen->n_labels = sample->n_labels;
	seen->last = sample->value;
}

/* The copy has exactly len bytes, so that the sanitizer sees one too many. */
static void parse(const char *text, size_t len, struct seen *seen,
		  struct dyncast_prometheus_stats *stats)
{
	char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	*seen = (struct seen){};
	dyncast_prometheus_parse(copy, len, on_sample, seen, stats);
	free(copy);
}

static void test_lines(void **state)
{
	static const struct {
		const char *text;
		uint32_t samples;
		uint32_t bad;
		double value;
	} rows[] = {
		{"a 1\n", 1, 0, 1},
		{"a 1", 1, 0, 1},
		{"a 1\r\n", 1, 0, 1},
		{"a\t 1.5e3 \n", 1, 0, 1500},
		{"a 1 1395066363000\n", 1, 0, 1},
		{"a -2 -3982045\n", 1, 0, -2},
		{"a:b_C9 7\n", 1, 0, 7},
		{"a{} 1\n", 1, 0, 1},
		{"a{x=\"1\"} 2\n", 1, 0, 2},
		{"a { x = \"1\" , y = \"2\" , } 3\n", 1, 0, 3},
		{"a{x=\"q\\\"} 9\"} 4\n", 1, 0, 4},
		{"a{x=\"\\\\\"} 5\n", 1, 0, 5},
		{"a 1 # {trace=\"z\"} 0.3\n", 1, 0, 1},
		{"a +Inf\n", 1, 0, INFINITY},
		{"# HELP a b\n# TYPE a gauge\n\n  \na 6\n# EOF\n", 1, 0, 6},
		{"", 0, 0, 0},
		{"\n\n\n", 0, 0, 0},
		{"a\n", 0, 1, 0},
		{"a 1 2 3\n", 0, 1, 0},
		{"a 1x\n", 0, 1, 0},
		{"a 0x10\n", 0, 1, 0},
		{"a nan(1)\n", 0, 1, 0},
		{"1a 1\n", 0, 1, 0},
		{"{x=\"1\"} 1\n", 0, 1, 0},
		{"a{x=\"1\" 1\n", 0, 1, 0},
		{"a{x=\"1} 1\n", 0, 1, 0},
		{"a{x=\"1\\", 0, 1, 0},
		{"a{x=1} 1\n", 0, 1, 0},
		{"a{x} 1\n", 0, 1, 0},
		{"a{=\"1\"} 1\n", 0, 1, 0},
		{"a{x=\"1\"y=\"2\"} 1\n", 0, 1, 0},
		{"a{,} 1\n", 0, 1, 0},
		{"a{", 0, 1, 0},
		{"<html><body>404</body></html>\n", 0, 1, 0},
		{"\xff\xfe\xfd\n", 0, 1, 0},
		{"a 1\nb\nc 3\n", 2, 1, 3},
		{"a 11111111111111111111111111111111111111111111111111111111111111111111\n",
		 0, 1, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dyncast_prometheus_stats stats;
		struct seen seen;

		parse(rows[i].text, strlen(rows[i].text), &seen, &stats);
		if (stats.samples != rows[i].samples ||
		    stats.bad_lines != rows[i].bad ||
		    seen.n != rows[i].samples || seen.last != rows[i].value)
			fail_msg("row %zu: %s", i, rows[i].text);
	}
}

static void test_zero_bytes(void **state)
{
	static const char text[] = "a 1\0 2\nb{x=\"\0\"} 3\n\0\0\0";
	struct dyncast_prometheus_stats stats;
	struct seen seen;

	parse(text, sizeof(text) - 1, &seen, &stats);
	assert_int_equal(stats.samples, 1);
	assert_true(seen.last == 3);
	assert_int_equal(stats.bad_lines, 2);
	assert_int_equal(stats.first_bad, 1);
}

static void test_many_labels(void **state)
{
	struct dyncast_prometheus_stats stats;
	struct seen seen;
	char text[4096];

	for (int extra = 0; extra < 2; extra++) {
		size_t len = (size_t)sprintf(text, "a{");

		for (int i = 0; i < DYNCAST_PROMETHEUS_LABELS + extra; i++)
			len += (size_t)sprintf(text + len, "l%d=\"v\",", i);
		len += (size_t)sprintf(text + len, "} 1\n");
		parse(text, len, &seen, &stats);
		assert_int_equal(stats.samples, 1 - extra);
		assert_int_equal(stats.bad_lines, extra);
	}
	assert_int_equal(seen.n, 0);
}

static void test_every_truncation(void **state)
{
	static const char text[] =
		"# TYPE a gauge\na{x=\"\\n\\\"\",y=\"2\"} "
		"-1.5e3 123 # {t=\"z\"} 1\nb 2\n";
	struct dyncast_prometheus_stats stats;
	struct seen seen;

	for (size_t len = 0; len < sizeof(text); len++)
		parse(text, len, &seen, &stats);
	parse(text, sizeof(text) - 1, &seen, &stats);
	assert_int_equal(stats.samples, 2);
	assert_int_equal(stats.bad_lines, 0);
}

static void test_selectors(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"app_workers", true},
		{" a:b ", true},
		{"a{}", true},
		{"a{x=\"1\"}", true},
		{"a{x=\"1\", y=\"\\\"\"}", true},
		{"", false},
		{"1a", false},
		{"a b", false},
		{"a / b", false},
		{"a{x=1}", false},
		{"a{x=\"1\"", false},
		{"a{x=\"1\"} 3", false},
		{"a{a=\"\",b=\"\",c=\"\",d=\"\",e=\"\",f=\"\",g=\"\",h=\"\"}",
		 true},
		{"a{a=\"\",b=\"\",c=\"\",d=\"\",e=\"\",f=\"\",g=\"\",h=\"\",i=\"\"}",
		 false},
	};
	struct dyncast_selector selector;
	char text[512];

	for (size_t i = 0; i < ROWS(rows); i++)
		if (!dyncast_selector_parse(rows[i].text, &selector) !=
		    rows[i].good)
			fail_msg("row %zu: %s", i, rows[i].text);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_non_null(dyncast_selector_parse(text, &selector));
	text[DYNCAST_SELECTOR_NAME_SIZE - 1] = '\0';
	assert_null(dyncast_selector_parse(text, &selector));
	snprintf(text, sizeof(text), "a{x=\"%0*d\"}",
		 DYNCAST_SELECTOR_VALUE_SIZE, 0);
	assert_non_null(dyncast_selector_parse(text, &selector));
	snprintf(text, sizeof(text), "a{x=\"%0*d\"}",
		 DYNCAST_SELECTOR_VALUE_SIZE - 1, 0);
	assert_null(dyncast_selector_parse(text, &selector));
}

/* --- the mapping ----------------------------------------------------------*/

static struct dyncast_mapping mapping_make(const char *utilisation)
{
	struct dyncast_mapping mapping = {
		.utilisation_scale = DYNCAST_UTILISATION_MAX,
		.delay_scale = 1e6,
		.window_ms = 1000,
	};

	assert_null(dyncast_selector_parse("w", &mapping.capacity));
	assert_null(dyncast_selector_parse("f", &mapping.in_flight));
	assert_null(dyncast_selector_parse("d", &mapping.delay));
	if (utilisation)
		assert_null(dyncast_selector_parse(utilisation,
						   &mapping.utilisation));
	return mapping;
}

static struct dyncast_metrics apply(const struct dyncast_mapping *mapping,
				    struct dyncast_mapping_state *state,
				    uint64_t ms, const char *text,
				    uint8_t *missing)
{
	struct dyncast_mapping_result result;

	dyncast_mapping_apply(mapping, state, text, strlen(text), ms, &result);
	*missing = result.missing;
	return result.metrics;
}

static void test_values(void **state)
{
	static const struct {
		const char *text;
		uint8_t missing;
		uint32_t capacity, in_flight, utilisation, delay_us;
	} rows[] = {
		{"w 8\nf 4\nd 0.02\n", 0, 8, 4, 5000, 20000},
		{"w 8\nf 40\nd 0.02\n", 0, 8, 40, 10000, 20000},
		{"w{p=\"1\"} 3\nw{p=\"2\"} 5\nf 2\nd 0\n", 0, 8, 2, 2500, 0},
		{"w 0.25\nf 0\nd{q=\"1\"} 1\nd{q=\"2\"} 3\n", 0, 1, 0, 0,
		 2000000},
		{"w 1e300\nf 1e300\nd 1e300\n", 0, UINT32_MAX, UINT32_MAX,
		 10000, UINT32_MAX},
		{"w 0\nf 1\nd 1\n", DYNCAST_HAS_CAPACITY, 0, 1, 0, 1000000},
		{"w NaN\nf Inf\nd -1\n",
		 DYNCAST_HAS_CAPACITY | DYNCAST_HAS_IN_FLIGHT |
			 DYNCAST_HAS_DELAY,
		 0, 0, 0, 0},
		{"w 8\nf 1\nd_sum 1e300\nd_count 1e300\n", DYNCAST_HAS_DELAY, 8,
		 1, 1250, 0},
		{"ww 8\nf_ 1\nd_su 1\n",
		 DYNCAST_HAS_CAPACITY | DYNCAST_HAS_IN_FLIGHT |
			 DYNCAST_HAS_DELAY,
		 0, 0, 0, 0},
	};
	struct dyncast_mapping mapping = mapping_make(NULL);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dyncast_mapping_state memory = {};
		uint8_t missing;
		struct dyncast_metrics metrics;

		metrics = apply(&mapping, &memory, 1, rows[i].text, &missing);
		if (missing != rows[i].missing ||
		    metrics.capacity != rows[i].capacity ||
		    metrics.in_flight != rows[i].in_flight ||
		    metrics.utilisation != rows[i].utilisation ||
		    metrics.delay_us != rows[i].delay_us)
			fail_msg("row %zu: %s", i, rows[i].text);
	}
}

static void test_labels_choose(void **state)
{
	static const char text[] =
		"w{p=\"a\\\"b\"} 3\nw{p=\"c\"} 5\nw 9\n"
		"u{p=\"c\",z=\"1\"} 30\nu{p=\"c\"} 50\n";
	struct dyncast_mapping mapping = mapping_make("u{p=\"c\"}");
	struct dyncast_mapping_state memory = {};
	struct dyncast_metrics metrics;
	uint8_t missing;

	mapping.utilisation_scale = 100;
	assert_null(
		dyncast_selector_parse("w{p=\"a\\\"b\"}", &mapping.capacity));
	metrics = apply(&mapping, &memory, 1, text, &missing);
	assert_int_equal(metrics.capacity, 3);
	assert_int_equal(metrics.utilisation, 4000);
}

static void test_delay_of_histogram(void **state)
{
	static const struct {
		const char *what;
		uint64_t ms;
		const char *text;
		uint32_t delay_us; /* 0: not reported */
	} rows[] = {
		{"served nothing yet", 0, "w 2\nf 0\nd_sum 0\nd_count 0\n", 0},
		{"10 took 20 ms each", 200, "w 2\nf 1\nd_sum 0.2\nd_count 10\n",
		 20000},
		{"10 more took 60 ms: all in the window", 400,
		 "w 2\nf 4\nd_sum 0.8\nd_count 20\n", 40000},
		{"no news within the window", 1300,
		 "w 2\nf 4\nd_sum 0.8\nd_count 20\n", 60000},
		{"none ended, none more waits", 1500,
		 "w 2\nf 4\nd_sum 0.8\nd_count 20\n", 60000},
		{"none ended, twice as many wait", 1700,
		 "w 2\nf 8\nd_sum 0.8\nd_count 20\n", 120000},
		{"the bound is no new mean", 1900,
		 "w 2\nf 4\nd_sum 0.8\nd_count 20\n", 60000},
		{"the instance restarted", 2100,
		 "w 2\nf 1\nd_sum 0.01\nd_count 1\n", 10000},
		{"the same means no new request", 9000,
		 "w 2\nf 1\nd_sum 0.01\nd_count 1\n", 10000},
	};
	struct dyncast_mapping mapping = mapping_make(NULL);
	struct dyncast_mapping_state memory = {};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t missing;
		struct dyncast_metrics metrics;
		int error;

		metrics = apply(&mapping, &memory, rows[i].ms, rows[i].text,
				&missing);
		error = (int)metrics.delay_us - (int)rows[i].delay_us;
		if (missing || abs(error) > 1 ||
		    !(metrics.has & DYNCAST_HAS_DELAY) != !rows[i].delay_us)
			fail_msg("%s: %u", rows[i].what, metrics.delay_us);
	}
}

/* An instance that was slow once and is idle now must not look slow for ever.
 */
static void test_idle_recovers(void **state)
{
	struct dyncast_mapping mapping = mapping_make(NULL);
	struct dyncast_mapping_state memory = {};
	struct dyncast_metrics metrics;
	uint64_t ms = 0;
	uint8_t missing;

	apply(&mapping, &memory, ms, "w 2\nf 1\nd_sum 0\nd_count 0\n",
	      &missing);
	apply(&mapping, &memory, ms += 200, "w 2\nf 1\nd_sum 0.1\nd_count 10\n",
	      &missing);
	metrics = apply(&mapping, &memory, ms += 2000,
			"w 2\nf 9\nd_sum 10.1\nd_count 20\n", &missing);
	assert_int_equal(metrics.delay_us, 1000000);
	for (int i = 0; i < 30; i++)
		metrics = apply(&mapping, &memory, ms += 200,
				"w 2\nf 0\nd_sum 10.1\nd_count 20\n", &missing);
	assert_between(metrics.delay_us, 10000, 40000);
}

/* The same when it was never seen without a queue: 8 workers, 24 present. */
static void test_idle_after_load_from_the_start(void **state)
{
	struct dyncast_mapping mapping = mapping_make(NULL);
	struct dyncast_mapping_state memory = {};
	struct dyncast_metrics metrics;
	uint64_t ms = 0;
	uint8_t missing;
	char text[128];

	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text),
			 "w 8\nf 24\nd_sum %f\nd_count %d\n", 4.8 * i, 80 * i);
		metrics = apply(&mapping, &memory, ms += 200, text, &missing);
	}
	assert_between(metrics.delay_us, 59999, 60001);
	snprintf(text, sizeof(text), "w 8\nf 0\nd_sum %f\nd_count %d\n",
		 4.8 * 19, 80 * 19);
	for (int i = 0; i < 30; i++)
		metrics = apply(&mapping, &memory, ms += 200, text, &missing);
	assert_between(metrics.delay_us, 18000, 22000);
}

/* Scrapes faster than the ring of points can hold shorten the window only. */
static void test_many_points(void **state)
{
	struct dyncast_mapping mapping = mapping_make(NULL);
	struct dyncast_mapping_state memory = {};
	struct dyncast_metrics metrics = {};
	uint8_t missing;
	char text[128];

	mapping.window_ms = 60000;
	for (int i = 0; i < 3 * DYNCAST_MAPPING_POINTS; i++) {
		snprintf(text, sizeof(text), "w 2\nf 1\nd_sum %d\nd_count %d\n",
			 i, i * 2);
		metrics = apply(&mapping, &memory, (uint64_t)i, text, &missing);
	}
	assert_int_equal(metrics.delay_us, 500000);
}

/* 100 requests a second at half utilisation are 200; a restart says nothing,
 * and no utilisation, no rate */
static void test_rate(void **state)
{
	struct dyncast_mapping mapping = mapping_make(NULL);
	struct dyncast_mapping_state memory = {0};
	struct dyncast_metrics metrics = {};
	uint8_t missing;
	char page[128];

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		unsigned int count = 20 * (i < 50 ? i : i - 50);

		snprintf(page, sizeof(page), "w 8\nf 4\nd_sum %u\nd_count %u\n",
			 count, count);
		metrics = apply(&mapping, &memory, 1000 + 200 * i, page,
				&missing);
		assert_int_equal(metrics.utilisation, 5000);
		if (i < 2)
			assert_false(metrics.has & DYNCAST_HAS_RATE);
	}
	assert_true(metrics.has & DYNCAST_HAS_RATE);
	assert_between(metrics.rate, 199000, 201000);
	metrics = apply(&mapping, &memory, 30000, "d_sum 9\nd_count 9\n",
			&missing);
	assert_false(metrics.has & DYNCAST_HAS_RATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_zero_bytes),
		cmocka_unit_test(test_many_labels),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_labels_choose),
		cmocka_unit_test(test_delay_of_histogram),
		cmocka_unit_test(test_idle_recovers),
		cmocka_unit_test(test_idle_after_load_from_the_start),
		cmocka_unit_test(test_many_points),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
