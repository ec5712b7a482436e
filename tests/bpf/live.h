/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real packets while a test does something else: a child process sends those of
 * LIVE_FLOWS flows into dv0 over and over, and notes at which of two instances
 * each comes out.
 */

#ifndef DYNCAST_LIVE_H
#define DYNCAST_LIVE_H

#include <stdint.h>
#include <sys/types.h>

#define LIVE_FLOWS 400 /* even ones are UDP, odd ones TCP */
#define LIVE_A "10.1.0.11"
#define LIVE_B "10.1.0.12"

struct live {
	pid_t sender;
	volatile int stop;
	volatile unsigned int rounds;
	volatile uint8_t home[LIVE_FLOWS]; /* 1: A, 2: B, 0: nowhere yet */
	volatile unsigned int moved[LIVE_FLOWS];
	volatile unsigned int round[LIVE_FLOWS]; /* in which it last arrived */
};

/* the veth pairs of both instances, oa-pa and ob-pb, with their neighbours */
void live_setup(void);
void live_teardown(void);
uint32_t live_ifindex(int instance); /* 1 or 2 */

/* every flow has come out somewhere when it returns */
struct live *live_start(void);
/* packets sent after the call have had time to come out */
void live_pass(struct live *live);
/* flows that came out elsewhere than at first, or none of late */
unsigned int live_moved(const struct live *live);
unsigned int live_lost(const struct live *live);
unsigned int live_at(const struct live *live, int instance);
/* forget where they were; all come out again somewhere before it returns */
void live_forget(struct live *live);
void live_stop(struct live *live);

#endif /* DYNCAST_LIVE_H */
