/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The differences between the FRR releases that zebra_dyncast is built for,
 * and nothing else: 8.4.4 (bookworm), 10.3 (trixie), 10.7.1 (forky).  Every
 * other file is written against the newest names and includes this one after
 * FRR's headers.
 */

#ifndef DYNCAST_ZEBRA_COMPAT_H
#define DYNCAST_ZEBRA_COMPAT_H

#include "lib/stream.h"
#include "lib/zclient.h"
#include "lib/monotime.h"

/* frrevent.h came with 9.0 */
#if __has_include("lib/frrevent.h")
#include "lib/frrevent.h"
#define DYNCAST_FRR_10 1
#else
#include "lib/thread.h"
#define DYNCAST_FRR_10 0
#define event thread
#define event_loop thread_master
#define EVENT_ARG THREAD_ARG
#define event_add_event thread_add_event
#define event_add_timer_msec thread_add_timer_msec
#define event_add_read thread_add_read
#define event_add_write thread_add_write
#define event_cancel thread_cancel
#endif

static inline void dyncast_event_off(struct event **e)
{
	if (*e)
		event_cancel(e);
}

/* 10.7 has neither EVENT_OFF nor one way only to encapsulate */
#if DYNCAST_FRR_10 && !defined(EVENT_OFF)
#define DYNCAST_FRR_ENCAP_BEHAVIOR 1
#else
#define DYNCAST_FRR_ENCAP_BEHAVIOR 0
#endif

#if DYNCAST_FRR_10
#define DYNCAST_FOR_ALL_ADDRESSES(ifp, var)                                    \
	frr_each (if_connected, (ifp)->connected, var)
#else
#define DYNCAST_FOR_ALL_ADDRESSES(ifp, var)                                    \
	for (struct listnode *node_ = listhead((ifp)->connected);              \
	     node_ && ((var) = listgetdata(node_), true);                      \
	     node_ = listnextnode(node_))
#endif

/* A client inside the daemon itself: libfrr's own handlers for VRFs and
 * interfaces would work on zebra's tables a second time. */
static inline struct zclient *
dyncast_compat_zclient_new(struct event_loop *loop)
{
#if DYNCAST_FRR_10
	return zclient_new(loop, &zclient_options_auxiliary, NULL, 0);
#else
	struct zclient_options options = {.receive_notify = true};

	return zclient_new(loop, &options, NULL, 0);
#endif
}

/* after the hello: ask for the fate of the routes that we send */
static inline void dyncast_compat_request_notify(struct zclient *zclient)
{
#if DYNCAST_FRR_10
	zebra_route_notify_send(ZEBRA_ROUTE_NOTIFY_REQUEST, zclient, true);
#else
	(void)zclient;
#endif
}

static inline void dyncast_compat_route_init(struct zapi_route *api)
{
	memset(api, 0, sizeof(*api));
}

static inline void dyncast_compat_nexthop_seg6(struct zapi_nexthop *nh,
					       const struct in6_addr *segment)
{
	SET_FLAG(nh->flags, ZAPI_NEXTHOP_FLAG_SEG6);
#if DYNCAST_FRR_10
	nh->seg_num = 1;
	nh->seg6_segs[0] = *segment;
#if DYNCAST_FRR_ENCAP_BEHAVIOR
	nh->srv6_encap_behavior = SRV6_HEADEND_BEHAVIOR_H_ENCAPS;
#endif
#else
	nh->seg6_segs = *segment;
#endif
}

/* number of next hops in a next-hop tracking update: 16 bits since 9.1 */
static inline bool dyncast_compat_nht_count(struct stream *s, uint16_t *count)
{
#if DYNCAST_FRR_10
	STREAM_GETW(s, *count);
#else
	STREAM_GETC(s, *count);
#endif
	return true;
stream_failure:
	return false;
}

static inline int64_t dyncast_now_ms(void)
{
	struct timeval tv;

	monotime(&tv);
	return (int64_t)tv.tv_sec * 1000 + tv.tv_usec / 1000;
}

/* zebra -K: does a new zebra leave the routes of the old one for a while? */
#if DYNCAST_FRR_10
#include "zebra/zebra_router.h"
#define dyncast_graceful_restart() (zrouter.graceful_restart)
#else
extern int graceful_restart; /* of zebra/main.c, which has no header */
#define dyncast_graceful_restart() (graceful_restart > 0)
#endif

#ifdef DYNCAST_MGMT
/* zebra's own client of mgmtd, which no header of it names */
#include "lib/mgmt_be_client.h"
extern struct mgmt_be_client *mgmt_be_client;
extern struct mgmt_be_client_cbs zebra_be_client_data;
#endif

#endif /* DYNCAST_ZEBRA_COMPAT_H */
