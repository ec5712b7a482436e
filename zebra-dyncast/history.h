/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded log of each service's changes of weight, each with what caused it.
 * See history.c.
 */

#ifndef DYNCAST_ZEBRA_HISTORY_H
#define DYNCAST_ZEBRA_HISTORY_H

#include "lib/typesafe.h"

#include "../lib/dyncast.h"

struct dyncast_service;

enum dyncast_cause {
	DYNCAST_CAUSE_JOINED,	/* a new candidate */
	DYNCAST_CAUSE_REMOVED,	/* it is gone */
	DYNCAST_CAUSE_VERDICT,	/* old and new: enum dyncast_verdict */
	DYNCAST_CAUSE_CONFIG,	/* the policy or the operator's override */
	DYNCAST_CAUSE_SITE,	/* old and new: withheld (dyncast.h) */
	DYNCAST_CAUSE_CAPACITY, /* old and new: relative */
	DYNCAST_CAUSE_NETWORK,	/* old and new: metric of the route */
	DYNCAST_CAUSE_RATE,	/* old and new: requests in 1000 s */
	DYNCAST_CAUSE_LOAD,	/* old and new: utilisation, of 10000 */
	DYNCAST_CAUSE_DELAY,	/* old and new: microseconds */
	DYNCAST_CAUSE_SCORE,
	DYNCAST_CAUSE_OTHERS, /* another candidate's part changed */
};

/* of a candidate: what its last entry was about, and two things that were so at
 * the last note */
struct dyncast_history_mark {
	bool known;
	bool noted;	     /* at the last note it was there, with these two */
	uint8_t presence;    /* enum dyncast_presence */
	uint8_t verdict_now; /* enum dyncast_verdict */
	uint8_t verdict;
	uint8_t score;
	uint16_t utilisation;
	uint16_t withheld;
	uint32_t target;
	uint32_t capacity;
	uint32_t rate;
	uint32_t delay_us;
	uint32_t network;
};

PREDECL_DLIST(dyncast_histories);
PREDECL_DLIST(dyncast_history_all);

struct dyncast_history {
	struct dyncast_histories_item item; /* of its service, oldest first */
	struct dyncast_history_all_item all_item;
	struct dyncast_service *service;
	int64_t at_ms; /* dyncast_now_ms() */
	struct dyncast_addr dbid;
	char name[DYNCAST_NAME_SIZE];
	uint32_t from; /* target weights */
	uint32_t to;
	uint8_t cause; /* enum dyncast_cause */
	uint32_t old_value;
	uint32_t new_value;
};
DECLARE_DLIST(dyncast_histories, struct dyncast_history, item);

/* what is kept of one service, and of all together */
#define DYNCAST_HISTORY_MAX 32
#define DYNCAST_HISTORY_ALL_MAX 8192

void dyncast_history_init(void);
void dyncast_history_fini(void);
/* after a decision, before candidates that are gone are freed */
void dyncast_history_note(struct dyncast_service *service);
void dyncast_history_forget(struct dyncast_service *service);
const char *dyncast_cause_str(uint8_t cause);

#endif /* DYNCAST_ZEBRA_HISTORY_H */
