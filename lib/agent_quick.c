// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The usual line; see agent_quick.h.
 *
 * Runs in bgpd_dyncast on its main thread; pure.  A part of JSON that is plain
 * to read: one object, of strings without escapes and of decimal numbers that
 * a double holds exactly, each key at most once.  Whatever else comes is not
 * judged here.
 */

#include "agent_quick.h"

#include <string.h>

#include "addr.h"

/* so many digits are a number below 2^53, and their power of ten is exact */
#define DIGITS_MAX 15

struct line {
	const char *at;
	const char *end;
};

/* a string of the line, without its quotes */
struct word {
	const char *text;
	size_t len;
};

/* what has been seen */
#define SEEN_SERVICE (1u << 0)
#define SEEN_INSTANCE (1u << 1)
#define SEEN_STATE (1u << 2)
#define SEEN_NUMBER_SHIFT 3

static void skip_spaces(struct line *line)
{
	while (line->at < line->end && *line->at == ' ')
		line->at++;
}

static bool take(struct line *line, char c)
{
	skip_spaces(line);
	if (line->at == line->end || *line->at != c)
		return false;
	line->at++;
	return true;
}

static bool take_word(struct line *line, struct word *word)
{
	if (!take(line, '"'))
		return false;
	word->text = line->at;
	for (; line->at < line->end; line->at++) {
		if (*line->at == '"') {
			word->len = (size_t)(line->at++ - word->text);
			return true;
		}
		if (*line->at < ' ' || *line->at > '~' || *line->at == '\\')
			return false;
	}
	return false;
}

static unsigned int take_digits(struct line *line, uint64_t *number)
{
	unsigned int n = 0;

	for (; line->at < line->end && *line->at >= '0' && *line->at <= '9' &&
	       n <= DIGITS_MAX;
	     line->at++, n++)
		*number = *number * 10 + (uint64_t)(*line->at - '0');
	return n;
}

static bool take_number(struct line *line, double *value)
{
	unsigned int whole, decimals = 0;
	uint64_t digits = 0;
	double scale = 1;
	const char *from;

	skip_spaces(line);
	from = line->at;
	whole = take_digits(line, &digits);
	/* JSON has no leading zeros */
	if (!whole || (whole > 1 && *from == '0'))
		return false;
	if (line->at < line->end && *line->at == '.') {
		line->at++;
		decimals = take_digits(line, &digits);
		if (!decimals)
			return false;
	}
	if (whole + decimals > DIGITS_MAX)
		return false;
	while (decimals--)
		scale *= 10;
	*value = (double)digits / scale;
	return true;
}

static bool word_is(const struct word *word, const char *text)
{
	return strlen(text) == word->len &&
	       !memcmp(word->text, text, word->len);
}

static bool name_take(struct line *line, char name[DYNCAST_NAME_SIZE])
{
	struct word word;

	if (!take_word(line, &word) || word.len >= DYNCAST_NAME_SIZE)
		return false;
	memcpy(name, word.text, word.len);
	return dyncast_name_valid(name);
}

static bool number_take(struct line *line, const struct word *key,
			struct dyncast_metrics *m, unsigned int *seen)
{
	const struct dyncast_agent_number *number = dyncast_agent_numbers;
	double value;

	while (number->key && !word_is(key, number->key))
		number++;
	if (!number->key || !take_number(line, &value) || value < number->min ||
	    value > number->max)
		return false;
	dyncast_agent_number_set(m, number->has, value);
	*seen = 1u << (SEEN_NUMBER_SHIFT + (number - dyncast_agent_numbers));
	return true;
}

/* one key and its value; *seen: which */
static bool member_take(struct line *line, struct dyncast_agent_report *out,
			unsigned int *seen)
{
	struct word key, word;

	if (!take_word(line, &key) || !take(line, ':'))
		return false;
	if (word_is(&key, "service")) {
		*seen = SEEN_SERVICE;
		return name_take(line, out->service);
	}
	if (word_is(&key, "instance")) {
		*seen = SEEN_INSTANCE;
		return name_take(line, out->instance);
	}
	if (word_is(&key, "state")) {
		*seen = SEEN_STATE;
		if (!take_word(line, &word))
			return false;
		out->state = dyncast_agent_state_find(word.text, word.len);
		return out->state != DYNCAST_AGENT_STATE_UNSAID;
	}
	return number_take(line, &key, &out->metrics, seen);
}

static bool nothing_left(const struct line *line)
{
	for (const char *at = line->at; at < line->end; at++)
		if (*at != ' ' && *at != '\t' && *at != '\r')
			return false;
	return true;
}

bool dyncast_agent_quick_parse(const char *text, size_t len,
			       struct dyncast_agent_report *out)
{
	struct line line = {.at = text, .end = text + len};
	unsigned int all = 0, seen;

	memset(out, 0, sizeof(*out));
	if (!take(&line, '{'))
		return false;
	do {
		if (!member_take(&line, out, &seen) || (all & seen))
			return false;
		all |= seen;
	} while (take(&line, ','));
	return take(&line, '}') && nothing_left(&line) &&
	       (all & SEEN_SERVICE) && (all & SEEN_INSTANCE) &&
	       (out->metrics.has || out->state);
}
