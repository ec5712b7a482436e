/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device of our own that a service's route may lead to.  The BPF program on
 * its way out places the packet, after the kernel has done all that it does for
 * a packet that it forwards:
 *
 *   client interface -> PREROUTING, rp_filter, route, FORWARD, POSTROUTING
 *       -> dyncast-out, tc egress: place, encapsulate, redirect
 *
 * With `dyncast forwarding kernel` this is the way of all packets, so netfilter
 * and the reverse-path filter stay in the path.  Without, it is for what meets
 * no ingress program (plain anycast from other routers, ICMP errors of this
 * one) and for what that program leaves to the route, where next hops with
 * encapsulations cannot do it: zebra has none for IP-in-IP, and packets that
 * are too big for a tunnel would slip through to an adjacent instance that is
 * not theirs (IPv6; for IPv4 the route has an MTU).
 *
 * The device is a veth without ARP.  What the program cannot place leaves at
 * the other end, dyncast-end, where forwarding is off, so it ends there and
 * cannot come round again.  The MTU is that of the tightest tunnel, so that the
 * kernel itself says "fragmentation needed".
 *
 * Made and removed by us; one that a former run has left is used again.  Main
 * thread.
 */

#include <zebra.h>

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/veth.h>

#include "lib/if.h"
#include "lib/vrf.h"

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "dataplane.h"
#include "dataplane_port.h"
#include "ingress.h"
#include "module.h"
#include "netlink.h"
#include "route.h"
#include "service.h"
#include "startup.h"
#include "sysctl.h"
#include "veth.h"

#define MTU_DEFAULT 1500
#define MTU_MIN 1280
#define OVERHEAD_IPV4 20
#define OVERHEAD_IPV6 40

static bool ours;    /* made or taken over in this run */
static bool refused; /* logged */

/* After `forwarding kernel` was said the programs at the ingress go on for so
 * long: until routes lead to the device, flows would follow the old ones. */
#define HANDOVER_MIN_MS 1000
#define HANDOVER_MAX_MS 10000
static int64_t steers_ms; /* since when it is said, 0: it is not */
static bool has_all;

bool dyncast_veth_is(const char *ifname)
{
	return strcmp(ifname, DYNCAST_VETH_NAME) == 0 ||
	       strcmp(ifname, DYNCAST_VETH_PEER) == 0;
}

bool dyncast_veth_steers(void)
{
	return dyncast_config.forwarding_kernel && !dyncast_config.route_none &&
	       dyncast_dp_active();
}

static struct interface *find(const char *name)
{
	struct vrf *vrf = vrf_lookup_by_id(VRF_DEFAULT);
	struct interface *ifp = vrf ? if_lookup_by_name_vrf(name, vrf) : NULL;

	return ifp && ifp->ifindex != IFINDEX_INTERNAL &&
			       CHECK_FLAG(ifp->status, ZEBRA_INTERFACE_ACTIVE)
		       ? ifp
		       : NULL;
}

uint32_t dyncast_veth_ifindex(void)
{
	struct interface *ifp = find(DYNCAST_VETH_NAME);

	return dyncast_dp_active() && ifp && if_is_operative(ifp)
		       ? (uint32_t)ifp->ifindex
		       : 0;
}

bool dyncast_veth_has_all(void)
{
	return has_all;
}

static bool others_lead(void)
{
	uint32_t ifindex = dyncast_veth_ifindex();
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s)
		if (s->route && s->key.vrf_id == VRF_DEFAULT &&
		    !dyncast_route_leads_to(s, ifindex))
			return true;
	return false;
}

static void handover_update(void)
{
	int64_t now = dyncast_now_ms();

	if (!dyncast_veth_steers())
		steers_ms = 0;
	else if (!steers_ms)
		steers_ms = now;
	has_all = steers_ms && now - steers_ms >= HANDOVER_MIN_MS &&
		  (now - steers_ms >= HANDOVER_MAX_MS || !others_lead());
}

/* ---- making it -------------------------------------------------------- */

static void put_name(struct dyncast_netlink *request, const char *name)
{
	dyncast_netlink_put(request, IFLA_IFNAME, name, strlen(name) + 1);
}

static int link_add(void)
{
	struct ifinfomsg head = {
		.ifi_flags = IFF_NOARP,
		.ifi_change = IFF_NOARP,
	};
	struct rtattr *info, *data, *peer;
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
			      &head, sizeof(head));
	put_name(&request, DYNCAST_VETH_NAME);
	info = dyncast_netlink_nest(&request, IFLA_LINKINFO);
	dyncast_netlink_put(&request, IFLA_INFO_KIND, "veth", 4);
	data = dyncast_netlink_nest(&request, IFLA_INFO_DATA);
	peer = dyncast_netlink_put(&request, VETH_INFO_PEER, &head,
				   sizeof(head));
	put_name(&request, DYNCAST_VETH_PEER);
	dyncast_netlink_nest_end(&request, peer);
	dyncast_netlink_nest_end(&request, data);
	dyncast_netlink_nest_end(&request, info);
	return dyncast_netlink_exchange(&request);
}

/* not while it is made: the two ends do not know each other then */
static int link_up(const char *name)
{
	struct ifinfomsg head = {
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_NEWLINK, 0, &head, sizeof(head));
	put_name(&request, name);
	return dyncast_netlink_exchange(&request);
}

/* by name: the other end goes with it */
static int link_del(void)
{
	struct ifinfomsg head = {};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_DELLINK, 0, &head, sizeof(head));
	put_name(&request, DYNCAST_VETH_NAME);
	return dyncast_netlink_exchange(&request);
}

static void mtu_send(const char *name, uint32_t mtu)
{
	struct ifinfomsg head = {};
	struct dyncast_netlink request;

	dyncast_netlink_begin(&request, RTM_NEWLINK, 0, &head, sizeof(head));
	put_name(&request, name);
	dyncast_netlink_put(&request, IFLA_MTU, &mtu, sizeof(mtu));
	dyncast_netlink_exchange(&request);
}

static void make(void)
{
	int error = link_add();

	if (error == EEXIST)
		error = 0; /* a former run's */
	if (!error)
		error = link_up(DYNCAST_VETH_PEER);
	if (!error)
		error = link_up(DYNCAST_VETH_NAME);
	if (error) {
		if (!refused)
			zlog_warn(
				"dyncast: `dyncast forwarding kernel` needs a veth device, which the kernel refuses: %s; services follow the encapsulated route, without affinity",
				safe_strerror(error));
		refused = true;
		return;
	}
	refused = false;
	ours = true;
	dyncast_sysctl_zero("ipv4", DYNCAST_VETH_PEER, "forwarding");
	dyncast_sysctl_zero("ipv6", DYNCAST_VETH_PEER, "forwarding");
	dyncast_sysctl_zero("ipv6", DYNCAST_VETH_PEER, "accept_ra");
	dyncast_sysctl_zero("ipv6", DYNCAST_VETH_NAME, "accept_ra");
}

/* ---- MTU -------------------------------------------------------------- */

/* as what, when it is and can be reached */
static bool programmed(const struct dyncast_backend *b,
		       struct dyncast_dp_instance *dp)
{
	return b->programmed && b->alive && dyncast_dp_instance_read(b->id, dp);
}

uint32_t dyncast_veth_inner_mtu(const struct dyncast_backend *b)
{
	uint32_t overhead = b->data.instance.dbid.family == AF_INET
				    ? OVERHEAD_IPV4
				    : OVERHEAD_IPV6;
	struct dyncast_dp_instance dp;

	if (!programmed(b, &dp) || !dp.mtu || dp.kind == DYNCAST_KIND_ADJACENT)
		return UINT32_MAX;
	return dp.mtu > MTU_MIN + overhead ? dp.mtu - overhead : MTU_MIN;
}

static uint32_t mtu_of(const struct dyncast_backend *b)
{
	struct dyncast_dp_instance dp;

	if (programmed(b, &dp) && dp.mtu && dp.kind == DYNCAST_KIND_ADJACENT)
		return MAX(dp.mtu, MTU_MIN);
	return dyncast_veth_inner_mtu(b);
}

static bool mtu_is(const char *name, uint32_t mtu)
{
	struct interface *ifp = find(name);

	return !ifp || ifp->mtu == mtu;
}

/* also when somebody else has changed it, or made the device anew */
static void mtu_update(void)
{
	uint32_t mtu = UINT32_MAX;
	struct dyncast_service *s;
	struct dyncast_backend *b;

	frr_each (dyncast_services, &dyncast_services, s) {
		if (!s->by_device)
			continue;
		frr_each (dyncast_backends, &s->backends, b)
			mtu = MIN(mtu, mtu_of(b));
	}
	if (mtu == UINT32_MAX)
		mtu = MTU_DEFAULT;
	if (mtu_is(DYNCAST_VETH_PEER, mtu) && mtu_is(DYNCAST_VETH_NAME, mtu))
		return;
	mtu_send(DYNCAST_VETH_PEER, mtu);
	mtu_send(DYNCAST_VETH_NAME, mtu);
}

/* ---- life ------------------------------------------------------------- */

/*
 * The program leaves what is too big for a tunnel to the service's route, which
 * has to answer it.  A route with SRv6 next hops does not: the kernel wraps a
 * packet before it looks at its size, and tells the router itself.
 */
bool dyncast_veth_needed(const struct dyncast_service *s)
{
	const struct dyncast_backend *b;
	struct dyncast_dp_instance dp;
	bool adjacent = false, tunnel = false, ipip = false;
	bool tight = false, strict = false;

	if (s->key.vrf_id != VRF_DEFAULT || s->dp_index < 0 || s->dry ||
	    !dyncast_dp_active() || dyncast_config.route_none)
		return false;
	frr_each (dyncast_backends_const, &s->backends, b) {
		if (!programmed(b, &dp))
			continue;
		adjacent = adjacent || dp.kind == DYNCAST_KIND_ADJACENT;
		tunnel = tunnel || dp.kind != DYNCAST_KIND_ADJACENT;
		ipip = ipip || dp.kind == DYNCAST_KIND_IPIP;
		tight = tight || mtu_of(b) < dyncast_ingress_mtu();
		strict = strict || dyncast_route_for_replies(b);
	}
	return dyncast_config.forwarding_kernel || ipip ||
	       (adjacent && tunnel && s->key.prefix.addr.family == AF_INET6) ||
	       (tight && !strict);
}

static bool wanted(void)
{
	struct dyncast_service *s;

	if (dyncast_cleared)
		return false;
	if (dyncast_config.forwarding_kernel && !dyncast_config.route_none)
		return true;
	frr_each (dyncast_services, &dyncast_services, s)
		if (s->by_device)
			return true;
	return false;
}

/* also without `forwarding kernel`: whatever reaches the device by a service's
 * route is placed there, or lost */
uint32_t dyncast_veth_attach_flags(uint32_t ifindex)
{
	struct interface *ifp = find(DYNCAST_VETH_NAME);

	return wanted() && dyncast_dp_active() && ifp &&
			       (uint32_t)ifp->ifindex == ifindex
		       ? DYNCAST_DP_ATTACH_EGRESS
		       : 0;
}

void dyncast_veth_update(void)
{
	handover_update();
	if (!wanted()) {
		if (ours)
			link_del();
		ours = false;
		return;
	}
	if (!dyncast_startup_done() || !dyncast_dp_active())
		return;
	/* also one of a former run: its settings are not known */
	if (!ours || !find(DYNCAST_VETH_NAME))
		make();
	else
		mtu_update();
}

void dyncast_veth_forget(void)
{
	if (!wanted() && find(DYNCAST_VETH_NAME))
		link_del();
}

void dyncast_veth_fini(void)
{
	if (ours)
		link_del();
}
