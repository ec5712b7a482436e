// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Learning a site's capacity.  See learn.h.
 *
 * The estimate is a ratio of sums, so that times of little load, which say
 * little, count little.  The sums forget: they span the last FORGET requests,
 * which is good to cv / sqrt(FORGET), 0.8 % with exponential service times.
 *
 * So long a memory would take as long to notice that half of the site is
 * gone.  Therefore batches of requests are compared with what is believed, and
 * surprises of one sign, in standard deviations and less ALLOWANCE each, are
 * added up (a two-sided CUSUM test).  When the sum passes ALARM, what was
 * believed is replaced by what was seen since the surprises began.  Half the
 * capacity is noticed after 64 requests; by chance it happens once in some
 * hundred thousand batches.
 *
 * Floating point, unlike cost.c: nobody else has to come to the same figure.
 * No libm: bgpd need not be linked with it.
 */

#include "learn.h"

#define FORGET 16384.0
#define BATCH 32.0
#define ENOUGH 32.0
#define ALLOWANCE 1.0
#define ALARM 5.0
#define SURPRISE_MAX 4.0 /* one long interval is one witness */
#define VARIANCE_GAIN 0.02
#define VARIANCE_MIN 0.05

static void sums_add(struct dyncast_learn_sums *to,
		     const struct dyncast_learn_sums *more)
{
	to->requests += more->requests;
	to->busy_s += more->busy_s;
}

static double sums_rate(const struct dyncast_learn_sums *sums)
{
	return sums->busy_s > 0 ? sums->requests / sums->busy_s : 0;
}

static void believe(struct dyncast_learn *learn,
		    const struct dyncast_learn_sums *more)
{
	struct dyncast_learn_sums *slow = &learn->slow;

	sums_add(slow, more);
	if (slow->requests > FORGET) {
		slow->busy_s *= FORGET / slow->requests;
		slow->requests = FORGET;
	}
}

/* square root by Newton; x is of moderate size */
static double root(double x)
{
	double y = x > 1 ? x : 1;

	for (int i = 0; i < 24; i++)
		y = (y + x / y) / 2;
	return y;
}

/* how far a batch is from what is believed, in standard deviations */
static double surprise(struct dyncast_learn *learn,
		       const struct dyncast_learn_sums *batch)
{
	double is = sums_rate(batch), was = sums_rate(&learn->slow);
	/* twice the difference over the sum: near the logarithm of the ratio,
	 * and bounded */
	double relative = is + was > 0 ? 2 * (is - was) / (is + was) : 0;
	double per_request = 1 / batch->requests + 1 / learn->slow.requests;
	double squares = relative * relative / per_request;
	double z = relative / root(learn->variance * per_request);

	if (squares > 9 * learn->variance)
		squares = 9 * learn->variance;
	learn->variance += VARIANCE_GAIN * (squares - learn->variance);
	if (learn->variance < VARIANCE_MIN)
		learn->variance = VARIANCE_MIN;
	return z > SURPRISE_MAX	   ? SURPRISE_MAX
	       : z < -SURPRISE_MAX ? -SURPRISE_MAX
				   : z;
}

static double more_than_zero(double x)
{
	return x > 0 ? x : 0;
}

static void batch_close(struct dyncast_learn *learn)
{
	struct dyncast_learn_sums batch = learn->batch;
	double z;

	learn->batch = (struct dyncast_learn_sums){0};
	if (learn->slow.requests < ENOUGH) {
		learn->variance = 1;
		believe(learn, &batch);
		return;
	}
	z = surprise(learn, &batch);
	learn->above = more_than_zero(learn->above + z - ALLOWANCE);
	learn->below = more_than_zero(learn->below - z - ALLOWANCE);
	if (learn->above == 0 && learn->below == 0) {
		learn->recent = (struct dyncast_learn_sums){0};
		believe(learn, &batch);
		return;
	}
	sums_add(&learn->recent, &batch);
	if (learn->above < ALARM && learn->below < ALARM) {
		believe(learn, &batch);
		return;
	}
	learn->slow = learn->recent;
	learn->recent = (struct dyncast_learn_sums){0};
	learn->above = learn->below = 0;
}

void dyncast_learn_add(struct dyncast_learn *learn, double elapsed_s,
		       double requests, double utilisation)
{
	/* a counter that was reset, a clock that jumped: says nothing */
	if (!(elapsed_s > 0) || !(requests >= 0) || !(utilisation >= 0) ||
	    requests > 1e12 || elapsed_s > 1e6)
		return;
	if (utilisation > 1)
		utilisation = 1;
	learn->batch.requests += requests;
	learn->batch.busy_s += elapsed_s * utilisation;
	if (learn->batch.requests >= BATCH)
		batch_close(learn);
}

uint32_t dyncast_learn_rate(const struct dyncast_learn *learn)
{
	double rate = sums_rate(&learn->slow) * 1000;

	if (learn->slow.requests < ENOUGH || rate < 1)
		return 0;
	return rate < UINT32_MAX ? (uint32_t)(rate + 0.5) : UINT32_MAX;
}
