// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/agent_line.c: what a metric agent may say, what it may not,
 * and that what is written is what was meant.
 */

#include "tests/unit/wire.h"

#include <locale.h>
#include <stdio.h>

#include "lib/agent_quick.h"

#define WHO "\"service\":\"video\",\"instance\":\"a1\""
#define NAME31 "1234567890123456789012345678901"

static const char *parse(const char *line, struct dyncast_agent_report *report)
{
	/* an own copy without a terminator, so that the sanitizer sees */
	size_t len = strlen(line);
	char *copy = test_malloc(len ? len : 1);
	const char *error;

	memcpy(copy, line, len);
	error = dyncast_agent_line_parse(copy, len, report);
	test_free(copy);
	return error;
}

/* what the quick parser takes is what json-c makes of it */
static void test_quick(void **state)
{
	static const struct {
		const char *line;
		bool quick;
	} cases[] = {
		{"{" WHO ",\"state\":\"up\"}", true},
		{"{ \"service\": \"s9\", \"instance\" : \"i\" , "
		 "\"utilisation\": 37.25, \"delayUs\": 4100 } \t\r",
		 true},
		{"{\"capacity\":100,\"inFlight\":0,\"score\":7,\"rate\":0.001,"
		 "\"ageMs\":20," WHO "}",
		 true},
		{"{" WHO ",\"utilisation\":99.9999999999999}", true},
		{"{" WHO ",\"rate\":250.5,\"ageMs\":123456789012345}", true},
		/* not wrong, but not usual */
		{"{" WHO ",\"delayUs\":4.1e3}", false},
		{"{" WHO ",\"ageMs\":1234567890123456,\"state\":\"up\"}",
		 false},
		{"{" WHO ",\"state\":\"u\\u0070\"}", false},
		{"{" WHO ",\"state\":\"up\",\"state\":\"down\"}", false},
		{"{" WHO ",\"state\":\"up\",\"reason\":\"x\"}", false},
		{"\t{" WHO ",\"state\":\"up\"}", false},
		/* wrong */
		{"{" WHO "}", false},
		{"{" WHO ",\"ageMs\":1}", false},
		{"{" WHO ",\"capacity\":0}", false},
		{"{" WHO ",\"capacity\":01}", false},
		{"{" WHO ",\"capacity\":1.}", false},
		{"{" WHO ",\"capacity\":-1}", false},
		{"{" WHO ",\"capacity\":1,}", false},
		{"{" WHO ",\"capacity\":1", false},
		{"{" WHO ",\"capacity\":1}}", false},
		{"{" WHO ",\"capacity\":\"1\"}", false},
		{"{" WHO ",\"state\":\"upp\"}", false},
		{"{" WHO ",\"state\":\"up}", false},
		{"{\"service\":\"s\",\"state\":\"up\"}", false},
		{"{\"service\":\"\",\"instance\":\"i\",\"state\":\"up\"}",
		 false},
		{"{\"service\":\"" NAME31 "x\",\"instance\":\"i\","
		 "\"state\":\"up\"}",
		 false},
		{"{}", false},
		{"", false},
	};
	struct dyncast_agent_report quick, json;
	size_t len;
	char *copy;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		len = strlen(cases[i].line);
		copy = test_malloc(len ? len : 1);
		memcpy(copy, cases[i].line, len);
		assert_int_equal(dyncast_agent_quick_parse(copy, len, &quick),
				 cases[i].quick);
		if (cases[i].quick) {
			assert_null(dyncast_agent_json_parse(copy, len, &json));
			assert_memory_equal(&quick, &json, sizeof(json));
		}
		test_free(copy);
	}
}

static void test_full(void **state)
{
	struct dyncast_agent_report r;

	(void)state;
	assert_null(parse("{" WHO ",\"capacity\":100,\"utilisation\":37.5,"
			  "\"inFlight\":12,\"delayUs\":4100,\"score\":7,"
			  "\"rate\":250.5,"
			  "\"ageMs\":20,\"state\":\"up\",\"reason\":\"ok\"}",
			  &r));
	assert_string_equal(r.service, "video");
	assert_string_equal(r.instance, "a1");
	assert_int_equal(r.metrics.has, DYNCAST_HAS_ALL);
	assert_int_equal(r.metrics.capacity, 100);
	assert_int_equal(r.metrics.utilisation, 3750);
	assert_int_equal(r.metrics.in_flight, 12);
	assert_int_equal(r.metrics.delay_us, 4100);
	assert_int_equal(r.metrics.score, 7);
	assert_int_equal(r.metrics.rate, 250500);
	assert_int_equal(r.metrics.age_ms, 20);
	assert_int_equal(r.state, DYNCAST_AGENT_STATE_UP);
	assert_string_equal(r.reason, "ok");
}

static void test_accepted(void **state)
{
	static const struct {
		const char *line;
		uint8_t has;
		uint8_t agent_state;
		uint32_t value; /* of the one metric that is there */
	} cases[] = {
		{"{" WHO ",\"state\":\"up\"}", 0, DYNCAST_AGENT_STATE_UP, 0},
		{"{" WHO ",\"state\":\"down\",\"reason\":\"HTTP 503\"}", 0,
		 DYNCAST_AGENT_STATE_DOWN, 0},
		{"{" WHO ",\"state\":\"drain\"}", 0, DYNCAST_AGENT_STATE_DRAIN,
		 0},
		{"{" WHO ",\"capacity\":1}", DYNCAST_HAS_CAPACITY, 0, 1},
		{"{" WHO ",\"capacity\":4294967295}", DYNCAST_HAS_CAPACITY, 0,
		 UINT32_MAX},
		{"{" WHO ",\"capacity\":99.6}", DYNCAST_HAS_CAPACITY, 0, 100},
		{"{" WHO ",\"utilisation\":0}", DYNCAST_HAS_UTILISATION, 0, 0},
		{"{" WHO ",\"utilisation\":100}", DYNCAST_HAS_UTILISATION, 0,
		 10000},
		{"{" WHO ",\"utilisation\":12.345}", DYNCAST_HAS_UTILISATION, 0,
		 1235},
		{"{" WHO ",\"delayUs\":4.1e3}", DYNCAST_HAS_DELAY, 0, 4100},
		{"{" WHO ",\"delayUs\":0}", DYNCAST_HAS_DELAY, 0, 0},
		{"{" WHO ",\"inFlight\":3}", DYNCAST_HAS_IN_FLIGHT, 0, 3},
		{"{" WHO ",\"score\":10}", DYNCAST_HAS_SCORE, 0, 10},
		{"{" WHO ",\"score\":3,\"gpu\":{\"mem\":[1,2]},\"x\":null}",
		 DYNCAST_HAS_SCORE, 0, 3},
		{" \t{" WHO ",\"score\":3} \t\r", DYNCAST_HAS_SCORE, 0, 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dyncast_agent_report r;
		const char *error = parse(cases[i].line, &r);
		const struct dyncast_metrics *m = &r.metrics;

		if (error)
			fail_msg("%s: %s", cases[i].line, error);
		assert_int_equal(m->has, cases[i].has);
		assert_int_equal(r.state, cases[i].agent_state);
		/* all but one are zero */
		assert_int_equal(m->capacity + m->utilisation + m->in_flight +
					 m->delay_us + m->score,
				 cases[i].value);
	}
}

static void test_refused(void **state)
{
	/* each with a word that its answer must hold */
	static const struct {
		const char *line;
		const char *word;
	} cases[] = {
		{"", "JSON"},
		{"x", "JSON"},
		{"{", "JSON"},
		{"{" WHO ",\"score\":3", "JSON"},
		{"{" WHO ",\"score\":3}}", "JSON"},
		{"{" WHO ",\"score\":3} {}", "JSON"},
		{"{" WHO ",\"score\":3,}", "JSON"},
		{"{'service':'video','instance':'a1','score':3}", "JSON"},
		{"{" WHO ",\"score\":NaN}", ""},
		{"{" WHO ",\"score\":3,\"x\":\"\xff\"}", "JSON"},
		{"{" WHO ",\"score\":3,\"x\":[[[[[[[[[[1]]]]]]]]]]}", "JSON"},
		{"[]", "object"},
		{"3", ""},
		{"null", ""},
		{"\"x\"", "object"},
		{"{}", "service"},
		{"{\"instance\":\"a1\",\"score\":3}", "service"},
		{"{\"service\":\"video\",\"score\":3}", "instance"},
		{"{\"service\":1,\"instance\":\"a1\",\"score\":3}", "service"},
		{"{\"service\":\"\",\"instance\":\"a1\",\"score\":3}",
		 "service"},
		{"{\"service\":\"" NAME31 "2\",\"instance\":\"a\",\"score\":3}",
		 "service"},
		{"{\"service\":\"a b\",\"instance\":\"a1\",\"score\":3}",
		 "service"},
		{"{\"service\":\"v\\u0000x\",\"instance\":\"a1\",\"score\":3}",
		 "service"},
		{"{\"service\":\"v\",\"instance\":\"../x\",\"score\":3}",
		 "instance"},
		{"{" WHO "}", "metric or a state"},
		{"{" WHO ",\"ageMs\":3}", "metric or a state"},
		{"{" WHO ",\"reason\":\"x\"}", "metric or a state"},
		{"{" WHO ",\"capacity\":0}", "capacity"},
		{"{" WHO ",\"capacity\":4294967296}", "capacity"},
		/* no number at all for json-c 0.17 and later */
		{"{" WHO ",\"capacity\":99999999999999999999999}", ""},
		{"{" WHO ",\"capacity\":\"100\"}", "capacity"},
		{"{" WHO ",\"capacity\":null}", "capacity"},
		{"{" WHO ",\"capacity\":true}", "capacity"},
		{"{" WHO ",\"utilisation\":100.1}", "utilisation"},
		{"{" WHO ",\"utilisation\":-0.1}", "utilisation"},
		{"{" WHO ",\"utilisation\":1e999}", ""},
		{"{" WHO ",\"inFlight\":-1}", "inFlight"},
		{"{" WHO ",\"delayUs\":-1}", "delayUs"},
		{"{" WHO ",\"delayUs\":5000000000}", "delayUs"},
		{"{" WHO ",\"delayUs\":[1]}", "delayUs"},
		{"{" WHO ",\"score\":11}", "score"},
		{"{" WHO ",\"score\":3,\"ageMs\":-1}", "ageMs"},
		{"{" WHO ",\"score\":3,\"ageMs\":\"x\"}", "ageMs"},
		{"{" WHO ",\"state\":\"Up\"}", "state"},
		{"{" WHO ",\"state\":\"\"}", "state"},
		{"{" WHO ",\"state\":1}", "state"},
		{"{" WHO ",\"state\":\"up\",\"address\":1}", "address"},
		{"{" WHO ",\"state\":\"up\",\"address\":\"10.1.0\"}",
		 "address"},
		{"{" WHO ",\"state\":\"up\",\"sid\":1}", "sid"},
		{"{" WHO
		 ",\"state\":\"up\",\"address\":\"10.1.0.13\",\"sid\":0}",
		 "sid"},
		{"{" WHO
		 ",\"state\":\"up\",\"address\":\"10.1.0.13\",\"sid\":1.5}",
		 "sid"},
		{"{" WHO ",\"address\":\"10.1.0.13\"}", "metric"},
		{"{" WHO ",\"state\":\"up\",\"reason\":1}", "reason"},
	};
	static const struct dyncast_agent_report zero;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dyncast_agent_report r;
		const char *error = parse(cases[i].line, &r);

		if (!error)
			fail_msg("accepted: %s", cases[i].line);
		if (!strstr(error, cases[i].word))
			fail_msg("%s: %s", cases[i].line, error);
		assert_memory_equal(&r, &zero, sizeof(r));
	}
}

static void test_lengths(void **state)
{
	static const char line[] = "{" WHO ",\"score\":3}";
	char buf[DYNCAST_AGENT_LINE_MAX + 1];
	struct dyncast_agent_report r;

	(void)state;
	memset(buf, ' ', sizeof(buf));
	memcpy(buf, line, strlen(line));
	assert_null(dyncast_agent_line_parse(buf, DYNCAST_AGENT_LINE_MAX, &r));
	assert_non_null(dyncast_agent_line_parse(buf, sizeof(buf), &r));
	/* a zero byte ends nothing */
	buf[strlen(line)] = '\0';
	assert_non_null(dyncast_agent_line_parse(buf, strlen(line) + 1, &r));
}

static void test_age_saturates(void **state)
{
	struct dyncast_agent_report r;

	(void)state;
	assert_null(parse("{" WHO ",\"score\":3,\"ageMs\":1e12}", &r));
	assert_int_equal(r.metrics.age_ms, UINT32_MAX);
}

static void test_reason(void **state)
{
	struct dyncast_agent_report r;
	char expected[DYNCAST_AGENT_REASON_SIZE];

	(void)state;
	/* cleaned: it is printed on terminals and in logs */
	assert_null(parse("{" WHO ",\"state\":\"down\",\"reason\":"
			  "\"a\\u001b[1m\\n\\u0000\\\"z\"}",
			  &r));
	assert_string_equal(r.reason, "a?[1m??\"z");
	/* shortened */
	assert_null(parse(
		"{" WHO ",\"state\":\"down\",\"reason\":\"" NAME31 NAME31 NAME31
		"\"}",
		&r));
	memcpy(expected, NAME31 NAME31 NAME31, sizeof(expected));
	expected[sizeof(expected) - 1] = '\0';
	assert_string_equal(r.reason, expected);
}

static void assert_round_trip(const struct dyncast_agent_report *report)
{
	char buf[DYNCAST_AGENT_LINE_MAX];
	struct dyncast_agent_report back;
	size_t len = dyncast_agent_line_format(report, buf, sizeof(buf));
	const char *error;

	assert_int_not_equal(len, 0);
	assert_int_equal(buf[len - 1], '\n');
	assert_null(memchr(buf, '\n', len - 1));
	error = dyncast_agent_line_parse(buf, len - 1, &back);
	if (error)
		fail_msg("%s: %s", buf, error);
	assert_memory_equal(&back, report, sizeof(back));
	for (size_t size = 0; size <= len; size++)
		assert_int_equal(dyncast_agent_line_format(report, buf, size),
				 0);
}

static void test_format(void **state)
{
	/* static: also the padding is zero, so that reports compare as bytes */
	static const struct dyncast_agent_report full = {
		.service = "video",
		.instance = "a1",
		.state = DYNCAST_AGENT_STATE_DRAIN,
		.metrics = {.has = DYNCAST_HAS_ALL,
			    .score = 10,
			    .utilisation = 9999,
			    .capacity = UINT32_MAX,
			    .in_flight = 7,
			    .delay_us = UINT32_MAX,
			    .age_ms = 12,
			    .rate = 4294967000},
		.reason = "a \"quoted\\\" reason",
	};
	static const struct dyncast_agent_report one = {
		.service = NAME31,
		.instance = "a",
		.metrics = {.has = DYNCAST_HAS_UTILISATION, .utilisation = 5},
	};
	char buf[256];

	(void)state;
	assert_round_trip(&full);
	assert_round_trip(&one);
	/* a comma for the decimal point would be no JSON (where this locale
	 * is not installed, the line is checked all the same) */
	setlocale(LC_ALL, "de_DE.UTF-8");
	assert_int_not_equal(dyncast_agent_line_format(&one, buf, sizeof(buf)),
			     0);
	assert_non_null(strstr(buf, "\"utilisation\":0.05"));
	assert_round_trip(&one);
	setlocale(LC_ALL, "C");
}

/* an instance that no configuration names, there and back */
static void test_place(void **state)
{
	static const char line[] =
		"{" WHO
		",\"address\":\"2001:db8::13\",\"sid\":65535,\"state\":\"up\"}";
	struct dyncast_agent_report report;
	char buf[256];

	(void)state;
	assert_null(dyncast_agent_line_parse(line, strlen(line), &report));
	assert_int_equal(report.sid, 65535);
	assert_int_equal(report.address.family, AF_INET6);
	assert_int_equal(dyncast_agent_line_format(&report, buf, sizeof(buf)),
			 strlen(line) + 1);
	assert_memory_equal(buf, line, strlen(line));
}

static void test_format_refuses(void **state)
{
	const struct dyncast_agent_report good = {
		.service = "video",
		.instance = "a1",
		.state = DYNCAST_AGENT_STATE_UP,
	};
	struct dyncast_agent_report bad[8];
	char buf[256];

	(void)state;
	assert_int_not_equal(dyncast_agent_line_format(&good, buf, sizeof(buf)),
			     0);
	for (size_t i = 0; i < COUNT(bad); i++)
		bad[i] = good;
	bad[0].service[0] = '\0';
	bad[1].instance[0] = '"';
	bad[2].state = DYNCAST_AGENT_STATE_UNSAID; /* says nothing */
	bad[3].state = 5;
	bad[4].metrics.has = 0x20;
	bad[5].metrics.has = DYNCAST_HAS_CAPACITY; /* which is 0 */
	bad[6].metrics.has = DYNCAST_HAS_UTILISATION;
	bad[6].metrics.utilisation = 10001;
	memset(bad[7].reason, 'a', sizeof(bad[7].reason));
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (dyncast_agent_line_format(&bad[i], buf, sizeof(buf)))
			fail_msg("report %zu: %s", i, buf);
	}
}

static void test_error_format(void **state)
{
	static const char expected[] =
		"{\"error\":\"a \\\"b\\\" c\","
		"\"line\":18446744073709551615}\n";
	char buf[128];

	(void)state;
	assert_int_equal(dyncast_agent_error_format("a \"b\" c", UINT64_MAX,
						    buf, sizeof(buf)),
			 strlen(expected));
	assert_string_equal(buf, expected);
	assert_int_equal(dyncast_agent_error_format("a \"b\" c", UINT64_MAX,
						    buf, strlen(expected)),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_age_saturates),
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_format_refuses),
		cmocka_unit_test(test_error_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
