/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether adjacent instances answer ARP or neighbour discovery.
 *
 * A connected route says that an address is on the link, not that somebody is
 * there.  The kernel finds out only while it sends, and only half a minute
 * after the last answer, so every entry is asked again here every two seconds,
 * as `ip neighbour change … nud probe` does: the entry serves on while three
 * unicast probes are sent, a second apart.  Nothing but REACHABLE answers that.
 * How long no answer has come is counted here and not read from the kernel's
 * states: while packets are sent to a silent neighbour, the kernel begins anew
 * with the packet that follows its verdict, so that NUD_FAILED lasts for a few
 * milliseconds and a poll may never see it.  One that failed is resolved anew
 * each second, and alive again with the first answer.  Entries that are
 * configured (permanent, noarp) are left alone and count as alive.
 *
 * Polled: one request to the kernel for each neighbour and second, or less
 * often when there are so many that it would take more than a fifth of the
 * time. zebra's main thread; changes go to service.c.
 */

#include <zebra.h>

/* before lib/vrf.h, which defines what older kernel headers lack */
#include <linux/if_link.h>
#include <linux/neighbour.h>

#include "compat.h"
#include "ingress.h"
#include "module.h"
#include "neighbor.h"
#include "netlink.h"
#include "service.h"
#include "../lib/addr.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_NEIGHBOR, "Dyncast neighbor");

#define POLL_MS 1000
/* after the first request: an answer takes a round trip on a LAN */
#define POLL_SOON_MS 100
/* asked after in one event: half a millisecond */
#define BATCH 64
/* least time between two rounds, by the time that one took */
#define PAUSE 4
/* unanswered for so long: the kernel's three probes, and a second for the last
 */
#define SILENCE_MS 3000

static int neighbor_cmp(const struct dyncast_neighbor *a,
			const struct dyncast_neighbor *b)
{
	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return dyncast_addr_cmp(&a->addr, &b->addr);
}
DECLARE_RBTREE_UNIQ(dyncast_neighbors, struct dyncast_neighbor, item,
		    neighbor_cmp);

static struct dyncast_neighbors_head neighbors = INIT_RBTREE_UNIQ(neighbors);
static struct event *t_poll;
static int64_t poll_at_ms;
static int64_t polled_ms; /* when the last round began */
static unsigned int polled_every_ms = POLL_MS;
/* All are asked after in rounds, and these in steps. */
static struct {
	bool under_way;
	struct dyncast_neighbor next; /* ifindex and addr */
	unsigned int passed;	      /* since the round before */
	bool waiting;		      /* somebody's first answer is open */
	bool newcomers;		      /* may have come before `next` */
} walk;

/* ---- the kernel's entry ----------------------------------------------- */

static void begin(struct dyncast_netlink *request, uint16_t type,
		  uint16_t flags, const struct dyncast_neighbor *n,
		  uint16_t state, uint8_t entry_flags)
{
	struct ndmsg head = {
		.ndm_family = n->addr.family,
		.ndm_ifindex = n->ifindex,
		.ndm_state = state,
		.ndm_flags = entry_flags,
	};

	dyncast_netlink_begin(request, type, flags, &head, sizeof(head));
	dyncast_netlink_put(request, NDA_DST, n->addr.bytes,
			    dyncast_family_size(n->addr.family));
}

static void take_state(const struct nlmsghdr *message, void *arg)
{
	const struct ndmsg *head = NLMSG_DATA(message);

	if (message->nlmsg_type == RTM_NEWNEIGH)
		*(uint16_t *)arg = head->ndm_state;
}

/* NUD_NONE when there is no entry */
static uint16_t state_of(const struct dyncast_neighbor *n)
{
	struct dyncast_netlink request;
	uint16_t state = NUD_NONE;

	begin(&request, RTM_GETNEIGH, 0, n, 0, 0);
	dyncast_netlink_ask(&request, take_state, &state);
	return state;
}

/* a question is open from the first request until an answer comes */
static void ask(struct dyncast_neighbor *n,
		const struct dyncast_netlink *request)
{
	if (dyncast_netlink_exchange(request) == 0)
		n->asked = true;
}

/* the entry serves on while the kernel asks */
static void probe(struct dyncast_neighbor *n)
{
	struct dyncast_netlink request;

	begin(&request, RTM_NEWNEIGH, NLM_F_REPLACE, n, NUD_PROBE, 0);
	ask(n, &request);
	n->probe_ms = dyncast_now_ms();
}

static void resolve(struct dyncast_neighbor *n)
{
	struct dyncast_netlink request;

	begin(&request, RTM_NEWNEIGH, NLM_F_CREATE, n, NUD_NONE, NTF_USE);
	ask(n, &request);
}

/* ---- state ------------------------------------------------------------ */

static void enter(struct dyncast_neighbor *n, uint8_t state)
{
	char text[DYNCAST_ADDR_STRLEN];
	bool log = state == DYNCAST_NEIGHBOR_FAILED ||
		   n->state == DYNCAST_NEIGHBOR_FAILED;

	if (n->state == state)
		return;
	n->state = state;
	if (log)
		zlog_info("dyncast: %s on %s %s",
			  dyncast_addr_str(&n->addr, text, sizeof(text)),
			  dyncast_ifindex_name(n->ifindex),
			  state == DYNCAST_NEIGHBOR_FAILED
				  ? "does not answer ARP or neighbour discovery"
				  : "answers again");
	dyncast_service_neighbor_changed(n);
}

static void answered(struct dyncast_neighbor *n)
{
	n->asked = false;
	n->silent_ms = 0;
	enter(n, DYNCAST_NEIGHBOR_ALIVE);
}

/* passed: time since the last poll */
static void unanswered(struct dyncast_neighbor *n, uint16_t state,
		       unsigned int passed)
{
	/* an old failure says nothing: only one that was asked for */
	if (n->asked) {
		n->silent_ms += passed;
		if (n->silent_ms >= SILENCE_MS || state & NUD_FAILED)
			enter(n, DYNCAST_NEIGHBOR_FAILED);
	}
	if (state & (NUD_STALE | NUD_DELAY))
		probe(n);
	else if (state & (NUD_PROBE | NUD_INCOMPLETE))
		n->asked = true; /* perhaps by a packet */
	else
		resolve(n);
}

static void poll_one(struct dyncast_neighbor *n, int64_t now,
		     unsigned int passed)
{
	uint16_t state = state_of(n);

	if (state & (NUD_PERMANENT | NUD_NOARP)) {
		answered(n);
	} else if (state & NUD_REACHABLE) {
		answered(n);
		if (now - n->probe_ms >= DYNCAST_NEIGHBOR_PROBE_MS)
			probe(n);
	} else {
		unanswered(n, state, passed);
	}
}

static void poll_step(struct event *e);

static void poll_later(unsigned int ms)
{
	int64_t at = dyncast_now_ms() + ms;

	if (walk.under_way || (t_poll && poll_at_ms <= at)) {
		walk.newcomers = true;
		return;
	}
	dyncast_event_off(&t_poll);
	poll_at_ms = at;
	event_add_timer_msec(dyncast_loop, poll_step, NULL, ms, &t_poll);
}

static void round_begin(void)
{
	int64_t now = dyncast_now_ms();

	memset(&walk, 0, sizeof(walk));
	walk.under_way = true;
	/* a machine that stood still has not asked meanwhile either */
	walk.passed = MIN(now - polled_ms, polled_every_ms);
	polled_ms = now;
}

static void round_end(void)
{
	unsigned int took = dyncast_now_ms() - polled_ms, every;

	walk.under_way = false;
	if (!dyncast_neighbors_count(&neighbors))
		return;
	every = walk.waiting || walk.newcomers ? POLL_SOON_MS : POLL_MS;
	/* thousands of neighbors must not take all of the daemon's time */
	every = MAX(every, PAUSE * took);
	polled_every_ms = MAX(POLL_MS, every + took);
	poll_later(every);
}

static void poll_step(struct event *e)
{
	struct dyncast_neighbor *n;
	int64_t now = dyncast_now_ms();

	(void)e;
	t_poll = NULL;
	if (!walk.under_way)
		round_begin();
	n = dyncast_neighbors_find_gteq(&neighbors, &walk.next);
	for (int i = 0; n && i < BATCH; i++) {
		poll_one(n, now, walk.passed);
		walk.waiting =
			walk.waiting || n->state == DYNCAST_NEIGHBOR_UNKNOWN;
		n = dyncast_neighbors_next(&neighbors, n);
	}
	if (!n) {
		round_end();
		return;
	}
	walk.next.ifindex = n->ifindex;
	walk.next.addr = n->addr;
	event_add_event(dyncast_loop, poll_step, NULL, 0, &t_poll);
}

struct dyncast_neighbor *dyncast_neighbor_ref(uint32_t ifindex,
					      const struct dyncast_addr *addr)
{
	struct dyncast_neighbor key = {.ifindex = ifindex, .addr = *addr}, *n;

	n = dyncast_neighbors_find(&neighbors, &key);
	if (!n) {
		n = XCALLOC(MTYPE_DYNCAST_NEIGHBOR, sizeof(*n));
		n->ifindex = ifindex;
		n->addr = *addr;
		dyncast_neighbor_users_init(&n->users);
		dyncast_neighbors_add(&neighbors, n);
		poll_later(0);
	}
	n->refs++;
	return n;
}

void dyncast_neighbor_unref(struct dyncast_neighbor **pn)
{
	struct dyncast_neighbor *n = *pn;

	*pn = NULL;
	if (!n || --n->refs)
		return;
	dyncast_neighbors_del(&neighbors, n);
	XFREE(MTYPE_DYNCAST_NEIGHBOR, n);
}

void dyncast_neighbor_init(void)
{
	dyncast_neighbors_init(&neighbors);
}

void dyncast_neighbor_fini(void)
{
	struct dyncast_neighbor *n;

	dyncast_event_off(&t_poll);
	while ((n = dyncast_neighbors_pop(&neighbors)))
		XFREE(MTYPE_DYNCAST_NEIGHBOR, n);
	dyncast_neighbors_fini(&neighbors);
}
