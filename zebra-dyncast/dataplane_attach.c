// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The programs on interfaces: a pinned TCX link where the kernel has TCX (6.6),
 * else a clsact filter, of ingress or (the device of veth.c) of egress.  Either
 * stays while zebra is away, and either is replaced by a new program without a
 * packet in between.
 *
 * The clsact filter is known by its handle and priority, the link by the pin
 * "v2_link_<ifindex>" (an interface's name may hold a dot, a bpffs name may
 * not).  zebra's main thread; the public calls raise privileges.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/if.h>
#include <net/ethernet.h>
#include <net/if_arp.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane_internal.h"

#define LINK_PREFIX DYNCAST_MAP_PIN_PREFIX "link_"

/* BPF_TCX_*, which headers before 6.6 do not have */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47

#define FILTER_HANDLE 1
#define FILTER_PRIORITY 0xd15

/* the head of struct bpf_link_info with the union's tcx member */
struct tcx_link_info {
	uint32_t type;
	uint32_t id;
	uint32_t prog_id;
	uint32_t pad;
	uint32_t ifindex; /* 0 when the interface is gone */
	uint32_t attach_type;
	uint8_t rest[256];
};

static bool link_path(char path[PATH_MAX], uint32_t ifindex)
{
	char name[32];

	snprintf(name, sizeof(name), LINK_PREFIX "%u", ifindex);
	return dyncast_dp_fs_path(path, name);
}

/* Pinned link of the interface, or -1.  One whose interface is gone (also when
 * its number has come back) is removed. */
static int link_open(uint32_t ifindex)
{
	struct tcx_link_info info = {};
	uint32_t len = sizeof(info);
	char path[PATH_MAX];
	int fd;

	if (!link_path(path, ifindex))
		return -1;
	fd = bpf_obj_get(path);
	if (fd < 0) {
		if (errno != ENOENT)
			unlink(path);
		return -1;
	}
	if (!bpf_obj_get_info_by_fd(fd, (struct bpf_map_info *)&info, &len) &&
	    info.ifindex == ifindex)
		return fd;
	close(fd);
	unlink(path);
	return -1;
}

static enum bpf_tc_attach_point tc_point(uint32_t flags)
{
	return flags & DYNCAST_MAP_IFACE_EGRESS ? BPF_TC_EGRESS
						: BPF_TC_INGRESS;
}

static bool filter_exists(uint32_t ifindex, uint32_t flags)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = tc_point(flags));
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
			    .priority = FILTER_PRIORITY);
	libbpf_print_fn_t log = libbpf_set_print(NULL);
	bool exists = !bpf_tc_query(&hook, &opts);

	libbpf_set_print(log);
	return exists;
}

static bool still_attached(uint32_t ifindex,
			   const struct dyncast_map_iface *iface)
{
	int fd;

	if (iface->flags & DYNCAST_MAP_IFACE_CLSACT)
		return filter_exists(ifindex, iface->flags);
	fd = link_open(ifindex);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* all interfaces at once: deleting one makes a walk begin anew */
static int list(uint32_t found[DYNCAST_MAP_IFACES_MAX])
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_IFACES];
	void *prev = NULL;
	int n = 0;

	while (n < DYNCAST_MAP_IFACES_MAX &&
	       !bpf_map_get_next_key(fd, prev, &found[n]))
		prev = &found[n++];
	return n;
}

static int iface_store(uint32_t ifindex, const struct dyncast_map_iface *iface)
{
	if (ifindex < DYNCAST_MAP_IFACES_NEAR &&
	    bpf_map_update_elem(dyncast_dp.maps[DYNCAST_DP_MAP_IFACES_NEAR],
				&ifindex, iface, BPF_ANY))
		return -1;
	return bpf_map_update_elem(dyncast_dp.maps[DYNCAST_DP_MAP_IFACES],
				   &ifindex, iface, BPF_ANY);
}

static void iface_forget(uint32_t ifindex)
{
	struct dyncast_map_iface none = {};

	if (ifindex < DYNCAST_MAP_IFACES_NEAR)
		bpf_map_update_elem(dyncast_dp.maps[DYNCAST_DP_MAP_IFACES_NEAR],
				    &ifindex, &none, BPF_ANY);
	bpf_map_delete_elem(dyncast_dp.maps[DYNCAST_DP_MAP_IFACES], &ifindex);
}

/* interfaces may have gone while nobody looked */
static void forget_stale(void)
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_IFACES];
	static uint32_t found[DYNCAST_MAP_IFACES_MAX];
	struct dyncast_map_iface iface;
	int n = list(found);

	for (int i = 0; i < n; i++)
		if (!bpf_map_lookup_elem(fd, &found[i], &iface) &&
		    !still_attached(found[i], &iface))
			iface_forget(found[i]);
}

void dyncast_dp_attach_begin(void)
{
	dyncast_dp.attach_mode =
		dyncast_dp_has(DYNCAST_DP_FEATURE_TCX) ? "tcx" : "clsact";
	forget_stale();
}

static bool use_tcx(void)
{
	return !strcmp(dyncast_dp.attach_mode, "tcx");
}

static int program_of(uint32_t flags)
{
	if (flags & DYNCAST_MAP_IFACE_EGRESS)
		return dyncast_dp.prog_egress;
	return flags & DYNCAST_MAP_IFACE_L3 ? dyncast_dp.prog_l3
					    : dyncast_dp.prog;
}

static bool attach_tcx(uint32_t ifindex, const char *ifname, uint32_t flags)
{
	int prog = program_of(flags);
	char path[PATH_MAX];
	int fd;

	if (!link_path(path, ifindex))
		return false;
	fd = link_open(ifindex);
	if (fd >= 0) {
		int error = bpf_link_update(fd, prog, NULL);

		close(fd);
		if (!error)
			return true;
		/* gone meanwhile, or of another kind: make it anew */
		unlink(path);
	}
	fd = bpf_link_create(prog, ifindex,
			     flags & DYNCAST_MAP_IFACE_EGRESS
				     ? ATTACH_TCX_EGRESS
				     : ATTACH_TCX_INGRESS,
			     NULL);
	if (fd < 0) {
		dyncast_dp_warn("cannot attach to %s: %s", ifname,
				strerror(errno));
		return false;
	}
	if (bpf_obj_pin(fd, path)) {
		dyncast_dp_warn("cannot pin the attachment of %s at %s: %s",
				ifname, path, strerror(errno));
		close(fd);
		return false;
	}
	close(fd);
	return true;
}

/* whether a direction of a clsact qdisc has filters; yes when in doubt */
static bool has_filters(uint32_t ifindex, uint32_t parent)
{
	struct {
		struct nlmsghdr header;
		struct tcmsg tc;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_GETTFILTER,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.tc = {.tcm_family = AF_UNSPEC,
		       .tcm_ifindex = ifindex,
		       .tcm_parent = parent},
	};
	struct nlmsghdr answer[1024];
	bool found = true;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return true;
	/* the first message tells: a filter, or the end of the list */
	if (send(fd, &request, sizeof(request), 0) == sizeof(request) &&
	    recv(fd, answer, sizeof(answer), 0) >= (ssize_t)sizeof(*answer))
		found = answer->nlmsg_type != NLMSG_DONE;
	close(fd);
	return found;
}

/* The qdisc goes with the filter when we have made it and nobody else uses
 * it. */
static void detach_clsact(uint32_t ifindex, uint32_t flags)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = tc_point(flags));
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
			    .priority = FILTER_PRIORITY);

	bpf_tc_detach(&hook, &opts);
	if (!(flags & DYNCAST_MAP_IFACE_OWN_QDISC) ||
	    has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
	    has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)))
		return;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
}

static bool attach_clsact(uint32_t ifindex, const char *ifname,
			  struct dyncast_map_iface *iface)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = tc_point(iface->flags));
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE,
			    .priority = FILTER_PRIORITY,
			    .prog_fd = program_of(iface->flags),
			    .flags = BPF_TC_F_REPLACE);
	libbpf_print_fn_t log = libbpf_set_print(NULL);
	int error = bpf_tc_hook_create(&hook);
	bool made = !error;

	/* no noise about a qdisc that exists, which is fine */
	libbpf_set_print(log);
	iface->flags |= DYNCAST_MAP_IFACE_CLSACT;
	if (made)
		iface->flags |= DYNCAST_MAP_IFACE_OWN_QDISC;
	else if (error != -EEXIST) {
		dyncast_dp_warn("cannot add a clsact qdisc to %s: %s", ifname,
				strerror(-error));
		return false;
	}
	error = bpf_tc_attach(&hook, &opts);
	if (error) {
		dyncast_dp_warn("cannot attach to %s: %s", ifname,
				strerror(-error));
		if (made)
			detach_clsact(ifindex, iface->flags);
	}
	return !error;
}

/* What comes in by the interface begins with: -1 when we do not know */
static int link_header(const char *ifname)
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	error = ioctl(fd, SIOCGIFHWADDR, &request);
	close(fd);
	if (error)
		return -1;
	switch (request.ifr_hwaddr.sa_family) {
	case ARPHRD_ETHER:
		return ETH_HLEN;
	case ARPHRD_NONE: /* tun, WireGuard, xfrm */
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
		return 0;
	default:
		return -1;
	}
}

/* what the interface is to do, as the program has it; false when it cannot */
static bool wanted(const char *ifname, uint32_t flags,
		   struct dyncast_map_iface *iface)
{
	int header = link_header(ifname);

	if (header < 0) {
		dyncast_dp_warn(
			"cannot steer on %s: it is no Ethernet or plain IP interface",
			ifname);
		return false;
	}
	if (flags & DYNCAST_DP_ATTACH_EGRESS) {
		if (header != ETH_HLEN || flags != DYNCAST_DP_ATTACH_EGRESS) {
			dyncast_dp_warn(
				"cannot steer on the egress of %s: it has to be an Ethernet interface for that alone",
				ifname);
			return false;
		}
		iface->flags |= DYNCAST_MAP_IFACE_EGRESS;
		return true;
	}
	if (!header)
		iface->flags |= DYNCAST_MAP_IFACE_L3;
	if (flags & DYNCAST_DP_ATTACH_STEER)
		iface->flags |= DYNCAST_MAP_IFACE_STEER;
	if (flags & DYNCAST_DP_ATTACH_DECAP)
		iface->flags |= DYNCAST_MAP_IFACE_DECAP;
	return flags != 0;
}

/* of how it is attached, not of what it does */
#define KEPT_FLAGS (DYNCAST_MAP_IFACE_CLSACT | DYNCAST_MAP_IFACE_OWN_QDISC)

static void detach(uint32_t ifindex);

static bool attach(uint32_t ifindex, const char *ifname, uint32_t table_id,
		   uint32_t flags)
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_IFACES];
	struct dyncast_map_iface iface = {.table_id = table_id}, before = {};

	if (!wanted(ifname, flags, &iface))
		return false;
	if (!bpf_map_lookup_elem(fd, &ifindex, &before)) {
		/* to the other direction there is no way but anew */
		if ((before.flags ^ iface.flags) & DYNCAST_MAP_IFACE_EGRESS)
			detach(ifindex);
		else
			iface.flags |= before.flags & KEPT_FLAGS;
	}

	/* the table first: the program passes what it has no table for */
	if (iface_store(ifindex, &iface)) {
		dyncast_dp_warn("the kernel took no interface %s: %s", ifname,
				strerror(errno));
		return false;
	}
	if (use_tcx() ? attach_tcx(ifindex, ifname, iface.flags)
		      : attach_clsact(ifindex, ifname, &iface)) {
		iface_store(ifindex, &iface);
		return true;
	}
	iface_forget(ifindex);
	return false;
}

/* the program where it is already; what else the entry says stays */
static bool replace(uint32_t ifindex, struct dyncast_map_iface *iface)
{
	char ifname[IF_NAMESIZE];

	if (!if_indextoname(ifindex, ifname))
		return false;
	return iface->flags & DYNCAST_MAP_IFACE_CLSACT
		       ? attach_clsact(ifindex, ifname, iface)
		       : attach_tcx(ifindex, ifname, iface->flags);
}

static void detach(uint32_t ifindex)
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_IFACES];
	struct dyncast_map_iface iface = {};
	char path[PATH_MAX], name[IF_NAMESIZE];

	if (link_path(path, ifindex))
		unlink(path);
	if (!bpf_map_lookup_elem(fd, &ifindex, &iface) &&
	    iface.flags & DYNCAST_MAP_IFACE_CLSACT &&
	    if_indextoname(ifindex, name))
		detach_clsact(ifindex, iface.flags);
	iface_forget(ifindex);
}

void dyncast_dp_attach_refresh(void)
{
	int fd = dyncast_dp.maps[DYNCAST_DP_MAP_IFACES];
	static uint32_t found[DYNCAST_MAP_IFACES_MAX];
	struct dyncast_map_iface iface;
	int n = list(found);

	for (int i = 0; i < n; i++)
		if (!bpf_map_lookup_elem(fd, &found[i], &iface) &&
		    !replace(found[i], &iface))
			detach(found[i]);
}

void dyncast_dp_detach_all(void)
{
	uint32_t ifindex;

	while (!bpf_map_get_next_key(dyncast_dp.maps[DYNCAST_DP_MAP_IFACES],
				     NULL, &ifindex))
		detach(ifindex);
}

/*
 * Steering by maps that nobody can change any more would send packets to
 * instances long gone: the plain route is better.
 */
void dyncast_dp_attach_abandon(void)
{
	struct if_nameindex *all = if_nameindex();
	char path[PATH_MAX];

	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		bool link = link_path(path, i->if_index) && !unlink(path);
		bool filter = filter_exists(i->if_index, 0);
		bool egress =
			filter_exists(i->if_index, DYNCAST_MAP_IFACE_EGRESS);

		if (filter)
			detach_clsact(i->if_index, 0);
		if (egress)
			detach_clsact(i->if_index, DYNCAST_MAP_IFACE_EGRESS);
		if (link || filter || egress)
			dyncast_dp_warn(
				"what a former run attached to %s is detached",
				i->if_name);
	}
	if (all)
		if_freenameindex(all);
}

bool dyncast_dp_attach(uint32_t ifindex, const char *ifname, uint32_t table_id,
		       uint32_t flags)
{
	bool ok = false;

	if (dyncast_dp.active && ifindex)
		dyncast_dp_privs
		{
			ok = attach(ifindex, ifname, table_id, flags);
		}
	return ok;
}

void dyncast_dp_detach(uint32_t ifindex, const char *ifname)
{
	(void)ifname;
	if (dyncast_dp.active && ifindex)
		dyncast_dp_privs
		{
			detach(ifindex);
		}
}

/* false when the program has no entry of it */
static bool entry_of(uint32_t ifindex, struct dyncast_map_iface *iface)
{
	return dyncast_dp.active &&
	       !bpf_map_lookup_elem(dyncast_dp.maps[DYNCAST_DP_MAP_IFACES],
				    &ifindex, iface);
}

bool dyncast_dp_attached(uint32_t ifindex)
{
	struct dyncast_map_iface iface;
	bool found = false;

	dyncast_dp_privs
	{
		found = entry_of(ifindex, &iface);
	}
	return found;
}

bool dyncast_dp_still_attached(uint32_t ifindex)
{
	struct dyncast_map_iface iface;
	bool still = false;

	dyncast_dp_privs
	{
		still = entry_of(ifindex, &iface) &&
			still_attached(ifindex, &iface);
	}
	return still;
}

void dyncast_dp_attached_each(void (*fn)(uint32_t ifindex, void *arg),
			      void *arg)
{
	static uint32_t found[DYNCAST_MAP_IFACES_MAX];
	int n = 0;

	if (dyncast_dp.active)
		dyncast_dp_privs
		{
			n = list(found);
		}
	for (int i = 0; i < n; i++)
		fn(found[i], arg);
}
