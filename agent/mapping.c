// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From an instance's own metrics to Dyncast's.  See mapping.h.
 */

#include "mapping.h"

#include <math.h>
#include <string.h>

/* The share of the way that the unloaded mean goes in one window: down fast,
 * up slowly, so that a service that became slower for good is believed after a
 * minute or two. */
#define UNLOADED_DOWN (1.0 / 2)
#define UNLOADED_UP (1.0 / 64)

/* Counters above these are nonsense.  Below them a count plus one is another
 * number, and no division overflows. */
#define SUM_MAX 1e18
#define COUNT_MAX 1e15

struct total {
	double sum;
	unsigned int n;
};

/* What one page says, summed over the series that a selector matches. */
struct page {
	const struct dyncast_mapping *mapping;
	struct total capacity;
	struct total in_flight;
	struct total utilisation;
	struct total delay; /* the gauge */
	struct total delay_sum;
	struct total delay_count;
};

static bool is_set(const struct dyncast_selector *selector)
{
	return selector->name[0] != '\0';
}

static void add(struct total *total, const struct dyncast_selector *selector,
		const char *suffix,
		const struct dyncast_prometheus_sample *sample)
{
	if (is_set(selector) && isfinite(sample->value) && sample->value >= 0 &&
	    dyncast_selector_match(selector, suffix, sample)) {
		total->sum += sample->value;
		total->n++;
	}
}

static void on_sample(const struct dyncast_prometheus_sample *sample, void *arg)
{
	struct page *page = arg;
	const struct dyncast_mapping *mapping = page->mapping;

	add(&page->capacity, &mapping->capacity, "", sample);
	add(&page->in_flight, &mapping->in_flight, "", sample);
	add(&page->utilisation, &mapping->utilisation, "", sample);
	add(&page->delay, &mapping->delay, "", sample);
	add(&page->delay_sum, &mapping->delay, "_sum", sample);
	add(&page->delay_count, &mapping->delay, "_count", sample);
}

static uint32_t to_u32(double value)
{
	if (!(value < UINT32_MAX)) /* also when it is no number */
		return UINT32_MAX;
	return (uint32_t)(value + 0.5);
}

static void push_point(struct dyncast_mapping_state *state, uint64_t now_ms,
		       double sum, double count, double in_flight)
{
	if (state->n_points == DYNCAST_MAPPING_POINTS) {
		state->n_points--;
		memmove(state->points, state->points + 1,
			state->n_points * sizeof(state->points[0]));
	}
	state->points[state->n_points++] =
		(struct dyncast_mapping_point){now_ms, sum, count, in_flight};
}

/* Keep one point at or before the window's start: the others are too old. */
static void drop_points(struct dyncast_mapping_state *state, uint64_t now_ms,
			unsigned int window_ms)
{
	size_t drop = 0;

	while (drop + 1 < state->n_points &&
	       state->points[drop + 1].ms + window_ms <= now_ms)
		drop++;
	state->n_points -= drop;
	memmove(state->points, state->points + drop,
		state->n_points * sizeof(state->points[0]));
}

/*
 * What `mean` would be without a queue.  With L requests present on average and
 * c workers, a request waits for L / c service times (Little's law); without
 * a capacity or requests in flight nothing better than the mean is known.
 */
static double unqueued(const struct dyncast_mapping_state *state, double mean,
		       double capacity)
{
	double present = 0;

	for (size_t i = 0; i < state->n_points; i++)
		present += state->points[i].in_flight;
	if (!state->n_points || capacity < 1)
		return mean;
	present /= (double)state->n_points;
	return present > capacity ? mean * capacity / present : mean;
}

/* `windows` have passed since the last scrape. */
static void set_mean(struct dyncast_mapping_state *state, double mean,
		     double in_flight, double capacity, double windows)
{
	double sample = unqueued(state, mean, capacity);
	double share = sample < state->unloaded ? UNLOADED_DOWN : UNLOADED_UP;

	if (!state->has_mean)
		share = windows = 1;
	state->unloaded +=
		(sample - state->unloaded) * fmin(windows * share, 1);
	state->has_mean = true;
	state->mean = mean;
	state->in_flight = in_flight;
}

/* No request ended in the window. */
static double delay_without_news(struct dyncast_mapping_state *state,
				 const struct page *page, double capacity,
				 double windows)
{
	double in_flight = page->in_flight.sum;
	double then;

	if (!page->in_flight.n)
		return state->mean;
	if (in_flight < 1) {
		state->mean -=
			(state->mean - state->unloaded) * fmin(windows, 1);
		state->in_flight = 0;
		return state->mean;
	}
	then = fmax(capacity, state->in_flight);
	if (in_flight <= state->in_flight || capacity < 1 || in_flight <= then)
		return state->mean;
	return state->mean * in_flight / then;
}

static bool delay_of_counters(struct dyncast_mapping_state *state,
			      const struct page *page, double capacity,
			      uint64_t now_ms, double *delay)
{
	double sum = page->delay_sum.sum, count = page->delay_count.sum;
	double in_flight = fmin(page->in_flight.sum, COUNT_MAX);
	struct dyncast_mapping_point *last, *first;
	double windows = 0; /* since the last scrape */

	if (state->n_points) {
		last = &state->points[state->n_points - 1];
		windows =
			(double)(now_ms - last->ms) / page->mapping->window_ms;
		if (sum < last->sum || count < last->count) {
			/* the instance started anew */
			state->n_points = 0;
			push_point(state, now_ms, 0, 0, in_flight);
		}
	} else if (!state->has_mean && count >= 1) {
		set_mean(state, sum / count, in_flight, capacity, 0);
	}
	push_point(state, now_ms, sum, count, in_flight);
	drop_points(state, now_ms, page->mapping->window_ms);
	first = &state->points[0];
	if (count >= first->count + 1) {
		set_mean(state, (sum - first->sum) / (count - first->count),
			 in_flight, capacity, windows);
		*delay = state->mean;
		return true;
	}
	if (!state->has_mean)
		return false;
	*delay = delay_without_news(state, page, capacity, windows);
	return true;
}

static void apply_delay(struct dyncast_mapping_state *state,
			const struct page *page, uint64_t now_ms,
			struct dyncast_mapping_result *result)
{
	struct dyncast_metrics *metrics = &result->metrics;
	double delay;

	if (page->delay_sum.n && page->delay_count.n &&
	    page->delay_sum.sum < SUM_MAX &&
	    page->delay_count.sum < COUNT_MAX) {
		double capacity = metrics->has & DYNCAST_HAS_CAPACITY
					  ? metrics->capacity
					  : 0;

		if (!delay_of_counters(state, page, capacity, now_ms, &delay))
			return;
	} else if (page->delay.n) {
		delay = page->delay.sum / page->delay.n;
	} else {
		result->missing |= DYNCAST_HAS_DELAY;
		return;
	}
	metrics->delay_us = to_u32(delay * page->mapping->delay_scale);
	metrics->has |= DYNCAST_HAS_DELAY;
}

static void apply_utilisation(const struct page *page,
			      struct dyncast_mapping_result *result)
{
	const struct dyncast_mapping *mapping = page->mapping;
	struct dyncast_metrics *metrics = &result->metrics;
	double value;

	if (is_set(&mapping->utilisation)) {
		if (!page->utilisation.n) {
			result->missing |= DYNCAST_HAS_UTILISATION;
			return;
		}
		value = page->utilisation.sum / page->utilisation.n *
			mapping->utilisation_scale;
	} else if ((metrics->has & DYNCAST_HAS_CAPACITY) &&
		   (metrics->has & DYNCAST_HAS_IN_FLIGHT)) {
		value = page->in_flight.sum / metrics->capacity *
			DYNCAST_UTILISATION_MAX;
	} else {
		return;
	}
	metrics->utilisation =
		(uint16_t)to_u32(fmin(value, DYNCAST_UTILISATION_MAX));
	metrics->has |= DYNCAST_HAS_UTILISATION;
}

/* Between two scrapes the utilisation was about the mean of both. */
static void apply_rate(struct dyncast_mapping_state *state,
		       const struct page *page, uint64_t now_ms,
		       struct dyncast_mapping_result *result)
{
	struct dyncast_metrics *metrics = &result->metrics;
	double count = page->delay_count.sum, used;

	if (!page->delay_count.n || count >= COUNT_MAX ||
	    !(metrics->has & DYNCAST_HAS_UTILISATION))
		return;
	used = (double)metrics->utilisation / DYNCAST_UTILISATION_MAX;
	/* an instance that started anew counts from 0 */
	if (state->learn_ms && count >= state->learn_count)
		dyncast_learn_add(&state->learn,
				  (double)(now_ms - state->learn_ms) / 1000,
				  count - state->learn_count,
				  (used + state->learn_used) / 2);
	state->learn_ms = now_ms;
	state->learn_count = count;
	state->learn_used = used;
	metrics->rate = dyncast_learn_rate(&state->learn);
	if (metrics->rate)
		metrics->has |= DYNCAST_HAS_RATE;
}

bool dyncast_mapping_needs_text(const struct dyncast_mapping *mapping)
{
	return is_set(&mapping->capacity) || is_set(&mapping->in_flight) ||
	       is_set(&mapping->utilisation) || is_set(&mapping->delay);
}

void dyncast_mapping_apply(const struct dyncast_mapping *mapping,
			   struct dyncast_mapping_state *state,
			   const char *text, size_t len, uint64_t now_ms,
			   struct dyncast_mapping_result *result)
{
	struct dyncast_metrics *metrics = &result->metrics;
	struct page page = {.mapping = mapping};

	*result = (struct dyncast_mapping_result){};
	dyncast_prometheus_parse(text, len, on_sample, &page, &result->stats);

	if (mapping->capacity_fixed) {
		metrics->capacity = mapping->capacity_fixed;
		metrics->has |= DYNCAST_HAS_CAPACITY;
	} else if (page.capacity.sum > 0) {
		metrics->capacity = to_u32(fmax(page.capacity.sum, 1));
		metrics->has |= DYNCAST_HAS_CAPACITY;
	} else if (is_set(&mapping->capacity)) {
		result->missing |= DYNCAST_HAS_CAPACITY;
	}
	if (page.in_flight.n) {
		metrics->in_flight = to_u32(page.in_flight.sum);
		metrics->has |= DYNCAST_HAS_IN_FLIGHT;
	} else if (is_set(&mapping->in_flight)) {
		result->missing |= DYNCAST_HAS_IN_FLIGHT;
	}
	apply_utilisation(&page, result);
	if (is_set(&mapping->delay))
		apply_delay(state, &page, now_ms, result);
	apply_rate(state, &page, now_ms, result);
}
