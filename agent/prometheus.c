// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Prometheus text format: one pass over the bytes, a cursor that never
 * leaves the line it is on, no allocation.  See prometheus.h.
 */

#include "prometheus.h"

#include <stdlib.h>
#include <string.h>

/* A sample's value is copied here so that strtod sees an end. */
#define NUMBER_SIZE 64

struct cursor {
	const char *at;
	const char *end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_blanks(struct cursor *cur)
{
	while (cur->at < cur->end && is_blank(*cur->at))
		cur->at++;
}

static bool take(struct cursor *cur, char c)
{
	if (cur->at == cur->end || *cur->at != c)
		return false;
	cur->at++;
	return true;
}

/* A metric name (colons allowed) or a label name.  Length 0: there is none. */
static size_t take_name(struct cursor *cur, bool metric, const char **name)
{
	*name = cur->at;
	while (cur->at < cur->end) {
		char c = *cur->at;

		if (!is_name_start(c) && !(metric && c == ':') &&
		    !(cur->at > *name && is_digit(c)))
			break;
		cur->at++;
	}
	return (size_t)(cur->at - *name);
}

/* A quoted label value; escapes stay as they are. */
static bool take_quoted(struct cursor *cur, const char **value, size_t *len)
{
	if (!take(cur, '"'))
		return false;
	*value = cur->at;
	while (cur->at < cur->end && *cur->at != '"') {
		if (*cur->at == '\\' && ++cur->at == cur->end)
			return false;
		cur->at++;
	}
	*len = (size_t)(cur->at - *value);
	return take(cur, '"');
}

/* {a="x",b="y",} or nothing */
static bool take_labels(struct cursor *cur,
			struct dyncast_prometheus_label *labels, size_t max,
			size_t *n)
{
	*n = 0;
	if (!take(cur, '{'))
		return true;
	for (;;) {
		struct dyncast_prometheus_label label;

		skip_blanks(cur);
		if (take(cur, '}'))
			return true;
		label.name_len = take_name(cur, false, &label.name);
		if (!label.name_len || *n == max)
			return false;
		skip_blanks(cur);
		if (!take(cur, '='))
			return false;
		skip_blanks(cur);
		if (!take_quoted(cur, &label.value, &label.value_len))
			return false;
		labels[(*n)++] = label;
		skip_blanks(cur);
		if (!take(cur, ',') && (cur->at == cur->end || *cur->at != '}'))
			return false;
	}
}

/* A number as strtod knows it, but never hexadecimal. */
static bool take_number(struct cursor *cur, double *value)
{
	char buf[NUMBER_SIZE];
	size_t len = 0;
	char *end;

	while (cur->at < cur->end && !is_blank(*cur->at)) {
		char c = *cur->at;

		if (len == sizeof(buf) - 1 || c == 'x' || c == 'X' || c == '(')
			return false;
		buf[len++] = c;
		cur->at++;
	}
	buf[len] = '\0';
	*value = strtod(buf, &end);
	return len > 0 && end == buf + len;
}

static bool parse_sample(struct cursor cur,
			 struct dyncast_prometheus_sample *sample)
{
	double timestamp;

	sample->name_len = take_name(&cur, true, &sample->name);
	if (!sample->name_len)
		return false;
	skip_blanks(&cur);
	if (!take_labels(&cur, sample->labels, DYNCAST_PROMETHEUS_LABELS,
			 &sample->n_labels))
		return false;
	skip_blanks(&cur);
	if (!take_number(&cur, &sample->value))
		return false;
	skip_blanks(&cur);
	/* an optional timestamp, then an optional OpenMetrics exemplar */
	if (cur.at < cur.end && *cur.at != '#') {
		if (!take_number(&cur, &timestamp))
			return false;
		skip_blanks(&cur);
	}
	return cur.at == cur.end || *cur.at == '#';
}

void dyncast_prometheus_parse(const char *text, size_t len,
			      dyncast_prometheus_cb cb, void *arg,
			      struct dyncast_prometheus_stats *stats)
{
	const char *end = text + len;
	uint32_t number = 0;

	*stats = (struct dyncast_prometheus_stats){};
	while (text < end) {
		struct dyncast_prometheus_sample sample;
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct cursor cur = {text, newline ? newline : end};

		text = newline ? newline + 1 : end;
		number++;
		if (cur.end > cur.at && cur.end[-1] == '\r')
			cur.end--;
		skip_blanks(&cur);
		if (cur.at == cur.end || *cur.at == '#')
			continue;
		if (parse_sample(cur, &sample)) {
			stats->samples++;
			cb(&sample, arg);
		} else if (!stats->bad_lines++) {
			stats->first_bad = number;
		}
	}
}

/*
 * Copy a label value without its escapes.  False when it does not fit.
 */
static bool unescape(const char *value, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = value[i];

		if (c == '\\' && i + 1 < len) {
			c = value[++i];
			if (c == 'n')
				c = '\n';
		}
		if (n + 1 >= size)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

const char *dyncast_selector_parse(const char *text,
				   struct dyncast_selector *out)
{
	struct dyncast_prometheus_label labels[DYNCAST_SELECTOR_LABELS];
	struct cursor cur = {text, text + strlen(text)};
	const char *name;
	size_t len;

	*out = (struct dyncast_selector){};
	skip_blanks(&cur);
	len = take_name(&cur, true, &name);
	if (!len)
		return "it does not begin with a metric name";
	if (len >= sizeof(out->name))
		return "the metric name is longer than 127 characters";
	memcpy(out->name, name, len);
	skip_blanks(&cur);
	if (!take_labels(&cur, labels, DYNCAST_SELECTOR_LABELS, &out->n_labels))
		return "its labels are not {label=\"value\",...}, at most 8";
	skip_blanks(&cur);
	if (cur.at != cur.end)
		return "something follows the metric name or its labels";
	for (size_t i = 0; i < out->n_labels; i++) {
		if (labels[i].name_len >= sizeof(out->labels[i].name))
			return "a label name is longer than 63 characters";
		memcpy(out->labels[i].name, labels[i].name, labels[i].name_len);
		if (!unescape(labels[i].value, labels[i].value_len,
			      out->labels[i].value,
			      sizeof(out->labels[i].value)))
			return "a label value is longer than 127 characters";
	}
	return NULL;
}

static bool label_match(const struct dyncast_prometheus_sample *sample,
			const char *name, const char *value)
{
	size_t name_len = strlen(name);
	char plain[DYNCAST_SELECTOR_VALUE_SIZE];

	for (size_t i = 0; i < sample->n_labels; i++) {
		const struct dyncast_prometheus_label *label;

		label = &sample->labels[i];
		if (label->name_len == name_len &&
		    memcmp(label->name, name, name_len) == 0)
			return unescape(label->value, label->value_len, plain,
					sizeof(plain)) &&
			       strcmp(plain, value) == 0;
	}
	return false;
}

bool dyncast_selector_match(const struct dyncast_selector *selector,
			    const char *suffix,
			    const struct dyncast_prometheus_sample *sample)
{
	size_t name_len = strlen(selector->name);
	size_t suffix_len = strlen(suffix);

	if (sample->name_len != name_len + suffix_len ||
	    memcmp(sample->name, selector->name, name_len) != 0 ||
	    memcmp(sample->name + name_len, suffix, suffix_len) != 0)
		return false;
	for (size_t i = 0; i < selector->n_labels; i++)
		if (!label_match(sample, selector->labels[i].name,
				 selector->labels[i].value))
			return false;
	return true;
}
