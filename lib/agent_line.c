// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines between a metric agent and bgpd_dyncast, as agent_line.h says.
 *
 * The parser runs in bgpd_dyncast on its main thread, the writer in
 * dyncast-agent.  A line may come from any program that may open the socket:
 * its length, its nesting and every value are bounded here, and what is wrong
 * is answered with a constant phrase, so that an answer never repeats bytes
 * of the line.
 */

#include "agent_line.h"

#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "agent_quick.h"
#include "check.h"

#define NESTING_MAX 8

const struct dyncast_agent_number dyncast_agent_numbers[] = {
	{"capacity", DYNCAST_HAS_CAPACITY, 1, UINT32_MAX,
	 "capacity must be a number from 1 to 4294967295"},
	{"utilisation", DYNCAST_HAS_UTILISATION, 0, 100,
	 "utilisation must be a percentage from 0 to 100"},
	{"inFlight", DYNCAST_HAS_IN_FLIGHT, 0, UINT32_MAX,
	 "inFlight must be a number from 0 to 4294967295"},
	{"delayUs", DYNCAST_HAS_DELAY, 0, UINT32_MAX,
	 "delayUs must be a number from 0 to 4294967295"},
	{"score", DYNCAST_HAS_SCORE, 0, DYNCAST_SCORE_MAX,
	 "score must be a number from 0 to 10"},
	/* requests per second at full utilisation, as it has learnt them */
	{"rate", DYNCAST_HAS_RATE, 0.001, UINT32_MAX / 1000,
	 "rate must be a number from 0.001 to 4294967"},
	{"ageMs", 0, 0, INFINITY, "ageMs must be a number, 0 or more"},
	{.key = NULL},
};

static const char *const state_names[] = {
	[DYNCAST_AGENT_STATE_UP] = "up",
	[DYNCAST_AGENT_STATE_DOWN] = "down",
	[DYNCAST_AGENT_STATE_DRAIN] = "drain",
	[DYNCAST_AGENT_STATE_GONE] = "gone",
};
#define N_STATES (sizeof(state_names) / sizeof(*state_names))

static const char *parse_name(struct json_object *root, const char *key,
			      const char *error, char name[DYNCAST_NAME_SIZE])
{
	struct json_object *value;
	const char *text;
	size_t len;

	if (!json_object_object_get_ex(root, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return error;
	text = json_object_get_string(value);
	len = (size_t)json_object_get_string_len(value);
	/* "\u0000" inside would shorten it */
	if (strlen(text) != len || !dyncast_name_valid(text))
		return error;
	memcpy(name, text, len + 1);
	return NULL;
}

/* not lround(): bgpd need not be linked with libm */
static uint32_t rounded(double value)
{
	return (uint32_t)(value + 0.5);
}

void dyncast_agent_number_set(struct dyncast_metrics *m, uint8_t has,
			      double value)
{
	m->has |= has;
	switch (has) {
	case DYNCAST_HAS_CAPACITY:
		m->capacity = rounded(value);
		break;
	case DYNCAST_HAS_UTILISATION:
		m->utilisation = (uint16_t)rounded(value * 100);
		break;
	case DYNCAST_HAS_IN_FLIGHT:
		m->in_flight = rounded(value);
		break;
	case DYNCAST_HAS_DELAY:
		m->delay_us = rounded(value);
		break;
	case DYNCAST_HAS_SCORE:
		m->score = (uint8_t)rounded(value);
		break;
	case DYNCAST_HAS_RATE:
		m->rate = rounded(value * 1000);
		break;
	default:
		m->age_ms = value < UINT32_MAX ? rounded(value) : UINT32_MAX;
	}
}

static const char *parse_metrics(struct json_object *root,
				 struct dyncast_metrics *m)
{
	const struct dyncast_agent_number *key;

	for (key = dyncast_agent_numbers; key->key; key++) {
		struct json_object *value;
		double number;

		if (!json_object_object_get_ex(root, key->key, &value))
			continue;
		if (!json_object_is_type(value, json_type_int) &&
		    !json_object_is_type(value, json_type_double))
			return key->error;
		number = json_object_get_double(value);
		if (!isfinite(number) || number < key->min || number > key->max)
			return key->error;
		dyncast_agent_number_set(m, key->has, number);
	}
	return NULL;
}

uint8_t dyncast_agent_state_find(const char *word, size_t len)
{
	for (size_t i = 1; i < N_STATES; i++)
		if (strlen(state_names[i]) == len &&
		    !memcmp(word, state_names[i], len))
			return (uint8_t)i;
	return DYNCAST_AGENT_STATE_UNSAID;
}

static const char *parse_state(struct json_object *root, uint8_t *state)
{
	struct json_object *value;
	const char *word;

	if (!json_object_object_get_ex(root, "state", &value))
		return NULL;
	if (json_object_is_type(value, json_type_string)) {
		word = json_object_get_string(value);
		*state = dyncast_agent_state_find(word, strlen(word));
	}
	return *state ? NULL
		      : "state must be \"up\", \"down\", \"drain\" or \"gone\"";
}

/* where an instance is that no configuration names */
static const char *parse_place(struct json_object *root,
			       struct dyncast_agent_report *report)
{
	struct json_object *value;
	int64_t sid;

	if (json_object_object_get_ex(root, "address", &value) &&
	    (!json_object_is_type(value, json_type_string) ||
	     !dyncast_addr_parse(json_object_get_string(value),
				 &report->address)))
		return "address must be an IPv4 or IPv6 address";
	if (!json_object_object_get_ex(root, "sid", &value))
		return NULL;
	sid = json_object_get_int64(value);
	if (!json_object_is_type(value, json_type_int) || sid < 1 ||
	    sid > UINT16_MAX)
		return "sid must be a number from 1 to 65535";
	if (!report->address.family)
		return "sid needs an address";
	report->sid = (uint16_t)sid;
	return NULL;
}

static bool is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

/* A reason is for people: better shortened and cleaned than refused. */
static const char *parse_reason(struct json_object *root, char *reason)
{
	struct json_object *value;
	const char *text;
	size_t len;

	if (!json_object_object_get_ex(root, "reason", &value))
		return NULL;
	if (!json_object_is_type(value, json_type_string))
		return "reason must be a string";
	text = json_object_get_string(value);
	len = (size_t)json_object_get_string_len(value);
	for (size_t i = 0; i < len && i < DYNCAST_AGENT_REASON_SIZE - 1; i++)
		reason[i] = is_printable(text[i]) ? text[i] : '?';
	return NULL;
}

static const char *parse_root(struct json_object *root,
			      struct dyncast_agent_report *report)
{
	const char *error;

	if (!json_object_is_type(root, json_type_object))
		return "a line must be a JSON object";
	error = parse_name(root, "service",
			   "service must be a name of 1 to 31 characters of "
			   "A-Z, a-z, 0-9, _, . and -",
			   report->service);
	if (!error)
		error = parse_name(root, "instance",
				   "instance must be a name of 1 to 31 "
				   "characters of A-Z, a-z, 0-9, _, . and -",
				   report->instance);
	if (!error)
		error = parse_metrics(root, &report->metrics);
	if (!error)
		error = parse_state(root, &report->state);
	if (!error)
		error = parse_place(root, report);
	if (!error)
		error = parse_reason(root, report->reason);
	if (!error && !report->metrics.has && !report->state)
		error = "a line must hold a metric or a state";
	return error;
}

/* The whole line as one JSON value, or NULL. */
static struct json_object *tokenise(const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(NESTING_MAX);
	struct json_object *root;
	size_t end;

	if (!tokener)
		return NULL;
	/* white space may trail: what does is checked below */
	json_tokener_set_flags(tokener,
			       JSON_TOKENER_STRICT |
				       JSON_TOKENER_ALLOW_TRAILING_CHARS |
				       JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, line, (int)len);
	end = json_tokener_get_parse_end(tokener);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    end + strspn(line + end, " \t\r") != len) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

const char *dyncast_agent_json_parse(const char *line, size_t len,
				     struct dyncast_agent_report *out)
{
	char copy[DYNCAST_AGENT_LINE_MAX + 1];
	struct json_object *root;
	const char *error;

	memset(out, 0, sizeof(*out));
	if (len > DYNCAST_AGENT_LINE_MAX)
		return "a line must not be longer than 2048 bytes";
	if (memchr(line, '\0', len))
		return "a line must not hold a zero byte";
	memcpy(copy, line, len);
	copy[len] = '\0';
	root = tokenise(copy, len);
	if (!root)
		return "a line must be valid JSON";
	error = parse_root(root, out);
	json_object_put(root);
	if (error)
		memset(out, 0, sizeof(*out));
	return error;
}

const char *dyncast_agent_line_parse(const char *line, size_t len,
				     struct dyncast_agent_report *out)
{
	if (len <= DYNCAST_AGENT_LINE_MAX &&
	    dyncast_agent_quick_parse(line, len, out))
		return NULL;
	return dyncast_agent_json_parse(line, len, out);
}

/* text that is written or, once it does not fit, is not */
struct text {
	char *buf;
	size_t size;
	size_t len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void
text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	if (text->full)
		return;
	va_start(args, format);
	n = vsnprintf(text->buf + text->len, text->size - text->len, format,
		      args);
	va_end(args);
	if (n < 0 || (size_t)n >= text->size - text->len)
		text->full = true;
	else
		text->len += (size_t)n;
}

static struct text text_make(char *buf, size_t size)
{
	return (struct text){.buf = buf, .size = size, .full = size == 0};
}

static void text_add_string(struct text *text, const char *string)
{
	text_add(text, "\"");
	for (; *string; string++) {
		char c = is_printable(*string) ? *string : '?';

		text_add(text, c == '"' || c == '\\' ? "\\%c" : "%c", c);
	}
	text_add(text, "\"");
}

static bool report_valid(const struct dyncast_agent_report *report)
{
	const struct dyncast_metrics *m = &report->metrics;
	size_t reason_len = strnlen(report->reason, sizeof(report->reason));

	if (reason_len == sizeof(report->reason) || report->state >= N_STATES)
		return false;
	if (report->sid && !report->address.family)
		return false;
	return dyncast_name_valid(report->service) &&
	       dyncast_name_valid(report->instance) &&
	       dyncast_metrics_valid(m) && (m->has || report->state);
}

static void text_add_place(struct text *text,
			   const struct dyncast_agent_report *report)
{
	char address[DYNCAST_ADDR_STRLEN];

	if (!report->address.family)
		return;
	text_add(text, ",\"address\":\"%s\"",
		 dyncast_addr_str(&report->address, address, sizeof(address)));
	if (report->sid)
		text_add(text, ",\"sid\":%u", report->sid);
}

static void text_add_metrics(struct text *text, const struct dyncast_metrics *m)
{
	if (m->has & DYNCAST_HAS_CAPACITY)
		text_add(text, ",\"capacity\":%u", m->capacity);
	if (m->has & DYNCAST_HAS_UTILISATION)
		text_add(text, ",\"utilisation\":%u.%02u", m->utilisation / 100,
			 m->utilisation % 100);
	if (m->has & DYNCAST_HAS_IN_FLIGHT)
		text_add(text, ",\"inFlight\":%u", m->in_flight);
	if (m->has & DYNCAST_HAS_DELAY)
		text_add(text, ",\"delayUs\":%u", m->delay_us);
	if (m->has & DYNCAST_HAS_SCORE)
		text_add(text, ",\"score\":%u", m->score);
	if (m->has & DYNCAST_HAS_RATE)
		text_add(text, ",\"rate\":%u.%03u", m->rate / 1000,
			 m->rate % 1000);
	if (m->age_ms)
		text_add(text, ",\"ageMs\":%u", m->age_ms);
}

size_t dyncast_agent_line_format(const struct dyncast_agent_report *report,
				 char *buf, size_t size)
{
	struct text text = text_make(buf, size);

	if (!report_valid(report))
		return 0;
	text_add(&text, "{\"service\":\"%s\",\"instance\":\"%s\"",
		 report->service, report->instance);
	text_add_place(&text, report);
	text_add_metrics(&text, &report->metrics);
	if (report->state)
		text_add(&text, ",\"state\":\"%s\"",
			 state_names[report->state]);
	if (report->reason[0]) {
		text_add(&text, ",\"reason\":");
		text_add_string(&text, report->reason);
	}
	text_add(&text, "}\n");
	return text.full ? 0 : text.len;
}

size_t dyncast_agent_error_format(const char *error, uint64_t line, char *buf,
				  size_t size)
{
	struct text text = text_make(buf, size);

	text_add(&text, "{\"error\":");
	text_add_string(&text, error);
	text_add(&text, ",\"line\":%llu}\n", (unsigned long long)line);
	return text.full ? 0 : text.len;
}
