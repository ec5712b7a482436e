/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between FRR 8.4.4, 10.3 and 10.7.1 for bgpd_dyncast, and
 * nothing else.  Included first by every source file of the module; only
 * functions that bgpd and libfrr export.
 *
 * The release is told apart by the headers that exist: frrevent.h came with
 * the event rename (after 8.4), bgp_nhc.h with 10.7's attribute rework.
 */

#ifndef BGPD_DYNCAST_COMPAT_H
#define BGPD_DYNCAST_COMPAT_H

#include <zebra.h>
/* frrevent.h needs it and does not include it */
#include <string.h>

#if __has_include("lib/frrevent.h")
#define DYNCAST_FRR_EVENT 1
#include "frrevent.h"
#else
#include "thread.h"
#endif

#include "command.h"
#include "lib/debug.h"
#include "hook.h"
#include "json.h"
#include "libfrr.h"
#include "memory.h"
#include "module.h"
#include "prefix.h"
#include "privs.h"
#include "sockunion.h"
#include "typesafe.h"
#include "lib/version.h"
#include "vrf.h"
#include "vty.h"
#include "zclient.h"

#include "bgpd/bgpd.h"
#include "bgpd/bgp_attr.h"
#include "bgpd/bgp_aspath.h"
#include "bgpd/bgp_community.h"
/* lib/debug.h, which northbound.h includes since 10, has one of its own; we
 * use neither */
#undef DEBUG_ON
#include "bgpd/bgp_debug.h"
#include "bgpd/bgp_memory.h"
#include "bgpd/bgp_mplsvpn.h"
#include "bgpd/bgp_packet.h"
#include "bgpd/bgp_route.h"
#include "bgpd/bgp_table.h"

#if __has_include("bgpd/bgp_nhc.h")
#define DYNCAST_FRR_10_7 1
#endif

extern struct zebra_privs_t bgpd_privs;

/* --- events: 8.4 called them threads ------------------------------------- */
#ifndef DYNCAST_FRR_EVENT
#define event thread
#define event_loop thread_master
#define EVENT_ARG THREAD_ARG
#define EVENT_FD THREAD_FD
#define event_add_read thread_add_read
#define event_add_write thread_add_write
#define event_add_timer thread_add_timer
#define event_add_timer_msec thread_add_timer_msec
#define event_add_event thread_add_event
#define dyncast_event_cancel(t) THREAD_OFF(t)
/* the folder of vty sockets, with the pathspace */
#define dyncast_run_dir frr_vtydir
#else
#define dyncast_event_cancel(t) event_cancel(&(t))
#define dyncast_run_dir frr_runstatedir
#endif

/* --- `show debugging bgp`: 8.4 lets no module take part ------------------- */
static inline void dyncast_debug_hook(int (*show)(struct vty *, bool))
{
#ifdef DYNCAST_FRR_EVENT
	hook_register(bgp_hook_config_write_debug, show);
#endif
}

/* --- own ZAPI client: a synchronous one gets nothing unsolicited ---------- */
static inline struct zclient *dyncast_zclient_new(struct event_loop *loop)
{
#ifndef DYNCAST_FRR_EVENT
	struct zclient_options sync = {.synchronous = true};

	return zclient_new(loop, &sync, NULL, 0);
#else
	return zclient_new(loop, &zclient_options_sync, NULL, 0);
#endif
}

/* --- paths -----------------------------------------------------------------
 */
static inline void dyncast_path_delete(struct bgp_dest *dest,
				       struct bgp_path_info *pi)
{
#ifdef DYNCAST_FRR_10_7
	bgp_path_info_mark_for_delete(dest, pi);
#else
	bgp_path_info_delete(dest, pi);
#endif
}

static inline void dyncast_path_process(struct bgp *bgp, struct bgp_dest *dest,
					struct bgp_path_info *pi, afi_t afi)
{
#ifdef DYNCAST_FRR_EVENT
	bgp_process(bgp, dest, pi, afi, SAFI_UNICAST);
#else
	bgp_process(bgp, dest, afi, SAFI_UNICAST);
#endif
}

/* NULL when the prefix is in no table; *table's node comes locked */
static inline struct bgp_dest *dyncast_dest_lookup(struct bgp *bgp, afi_t afi,
						   const struct prefix *p)
{
	return bgp_node_lookup(bgp->rib[afi][SAFI_UNICAST], p);
}

/* an instance that exists and is not on its way out */
static inline bool dyncast_bgp_usable(const struct bgp *bgp)
{
	if (!bgp || CHECK_FLAG(bgp->flags, BGP_FLAG_DELETE_IN_PROGRESS) ||
	    bgp->inst_type == BGP_INSTANCE_TYPE_VIEW || !bgp->peer_self)
		return false;
#ifdef DYNCAST_FRR_EVENT
	if (IS_BGP_INSTANCE_HIDDEN(bgp))
		return false;
#endif
	return true;
}

/* Ask for its routes again, if it lets itself be asked. */
static inline void dyncast_route_refresh(struct peer *peer, afi_t afi,
					 safi_t safi)
{
#ifdef DYNCAST_FRR_EVENT
	if (!CHECK_FLAG(peer->cap, PEER_CAP_REFRESH_RCV))
		return;
#else
	if (!CHECK_FLAG(peer->cap,
			PEER_CAP_REFRESH_OLD_RCV | PEER_CAP_REFRESH_NEW_RCV))
		return;
#endif
#ifdef DYNCAST_FRR_10_7
	bgp_route_refresh_send(peer->connection, afi, safi, 0, 0, 0,
			       BGP_ROUTE_REFRESH_NORMAL);
#else
	bgp_route_refresh_send(peer, afi, safi, 0, 0, 0,
			       BGP_ROUTE_REFRESH_NORMAL);
#endif
}

static inline const union sockunion *dyncast_peer_su(const struct peer *peer)
{
#ifdef DYNCAST_FRR_EVENT
	return &peer->connection->su;
#else
	return &peer->su;
#endif
}

/* --- attributes ------------------------------------------------------------
 */
static inline void dyncast_attr_dup(struct attr *to, const struct attr *from)
{
#ifdef DYNCAST_FRR_10_7
	bgp_attr_dup_into(to, from);
#else
	*to = *from;
	to->refcnt = 0;
#endif
}

/* 10.7's defaults do not say NEXT_HOP, and peers withdraw without it */
static inline void dyncast_attr_default(struct attr *attr, struct bgp *bgp,
					afi_t afi)
{
	bgp_attr_default_set(attr, bgp, BGP_ORIGIN_IGP);
	SET_FLAG(attr->flag, ATTR_FLAG_BIT(BGP_ATTR_NEXT_HOP));
	if (afi == AFI_IP)
		attr->mp_nexthop_len = BGP_ATTR_NHLEN_IPV4;
}

#endif /* BGPD_DYNCAST_COMPAT_H */
