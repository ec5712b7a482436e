/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Prometheus text exposition format (0.0.4, and what OpenMetrics adds to
 * its lines): a bounded parser of samples, and the selector with which the
 * configuration names a metric.
 *
 * Pure functions without allocation, any thread.  The text comes from a
 * service instance and is hostile: whatever it holds, the parser stays inside
 * the given bytes, skips lines that it cannot read and counts them.
 * Called by metrics.c and config.c.
 */

#ifndef DYNCAST_AGENT_PROMETHEUS_H
#define DYNCAST_AGENT_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DYNCAST_PROMETHEUS_LABELS 64 /* more on one line: a bad line */

#define DYNCAST_SELECTOR_NAME_SIZE 128
#define DYNCAST_SELECTOR_LABELS 8
#define DYNCAST_SELECTOR_LABEL_SIZE 64
#define DYNCAST_SELECTOR_VALUE_SIZE 128

/* Pointers lead into the parsed text; nothing is terminated. */
struct dyncast_prometheus_label {
	const char *name;
	size_t name_len;
	const char *value; /* as written, escapes included */
	size_t value_len;
};

struct dyncast_prometheus_sample {
	const char *name;
	size_t name_len;
	size_t n_labels;
	struct dyncast_prometheus_label labels[DYNCAST_PROMETHEUS_LABELS];
	double value; /* may be NaN or infinite */
};

struct dyncast_prometheus_stats {
	uint32_t samples;
	uint32_t bad_lines;
	uint32_t first_bad; /* line number from 1; 0: none */
};

/* Called for each sample in order; the sample lives during the call only. */
typedef void (*dyncast_prometheus_cb)(
	const struct dyncast_prometheus_sample *sample, void *arg);

/* Read every line of `text`, which need not be terminated. */
void dyncast_prometheus_parse(const char *text, size_t len,
			      dyncast_prometheus_cb cb, void *arg,
			      struct dyncast_prometheus_stats *stats);

/* A metric name with optional label values: name{label="value",...} */
struct dyncast_selector {
	char name[DYNCAST_SELECTOR_NAME_SIZE];
	size_t n_labels;
	struct {
		char name[DYNCAST_SELECTOR_LABEL_SIZE];
		char value[DYNCAST_SELECTOR_VALUE_SIZE];
	} labels[DYNCAST_SELECTOR_LABELS];
};

/* NULL when *out is filled, else a constant phrase that says what is wrong. */
const char *dyncast_selector_parse(const char *text,
				   struct dyncast_selector *out);

/*
 * Does the sample have the selector's name followed by `suffix` ("", "_sum",
 * "_count") and all of the selector's labels?  Labels that the selector does
 * not name may have any value.
 */
bool dyncast_selector_match(const struct dyncast_selector *selector,
			    const char *suffix,
			    const struct dyncast_prometheus_sample *sample);

#endif /* DYNCAST_AGENT_PROMETHEUS_H */
