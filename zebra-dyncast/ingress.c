/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which interfaces the BPF programs are attached to, and for what:
 *
 * place: those named by `dyncast ingress`, or all Ethernet interfaces with
 * `dyncast ingress all`; none with `dyncast forwarding kernel`, where the
 * kernel routes packets to a device that places them (veth.c).
 *
 * unpack: all others, while BPF unpacks the IP-in-IP of a local instance.
 *
 * What is wanted follows from the configuration and from zebra's own table of
 * interfaces, anew at each scan: soon after each message about interfaces and
 * once a second.  So interfaces may come, go, be renamed, move to another VRF
 * or come back under an old name.
 *
 * Main thread.  Also answers what other files ask about interfaces and VRFs.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/vrf.h"
#include "zebra/interface.h"
#include "zebra/zebra_router.h"
#include "zebra/zebra_vrf.h"

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "dataplane.h"
#include "decap.h"
#include "ingress.h"
#include "ipip.h"
#include "module.h"
#include "startup.h"
#include "veth.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_INGRESS,
		    "Dyncast ingress interface");

#define SCAN_MS 20
/* between attempts at what the kernel refuses */
#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 3600000
/* whether it is still attached is looked at now and then, of a few at a time */
#define VERIFY_MS 5000
#define VERIFY_MAX 16

/* as configured */
struct name {
	struct name *next;
	char ifname[IFNAMSIZ];
};

/* as attached, or refused */
struct attachment {
	struct attachment *next;
	uint32_t ifindex;
	char ifname[IFNAMSIZ];
	uint32_t table_id;
	uint32_t flags;	       /* DYNCAST_DP_ATTACH_*, 0: refused */
	uint32_t tried_flags;  /* what was refused, .. */
	unsigned int pause_ms; /* .. 0: nothing, .. */
	int64_t retry_ms;      /* .. and when it is tried again */
	int64_t verified_ms;
	bool seen; /* in the present scan */
};

static struct name *names;
static struct attachment *attachments;
static struct event *t_scan;
static uint32_t widest; /* MTU of those that steer */
static unsigned int verify_left;

/* ---- questions about interfaces --------------------------------------- */

static struct interface *find_by_index(uint32_t ifindex)
{
	struct interface *ifp;
	struct vrf *vrf;

	RB_FOREACH (vrf, vrf_id_head, &vrfs_by_id) {
		ifp = if_lookup_by_index(ifindex, vrf->vrf_id);
		if (ifp)
			return ifp;
	}
	return NULL;
}

uint16_t dyncast_ifindex_mtu(uint32_t ifindex)
{
	struct interface *ifp = find_by_index(ifindex);

	if (!ifp || !ifp->mtu)
		return 0;
	return ifp->mtu > UINT16_MAX ? UINT16_MAX : ifp->mtu;
}

uint32_t dyncast_ingress_mtu(void)
{
	return widest;
}

const char *dyncast_ifindex_name(uint32_t ifindex)
{
	struct interface *ifp = find_by_index(ifindex);

	return ifp ? ifp->name : "-";
}

bool dyncast_vrf_table(uint32_t vrf_id, uint32_t *table_id)
{
	struct zebra_vrf *zvrf = zebra_vrf_lookup_by_id(vrf_id);

	/* one that is a network namespace has a main table of its own, which
	 * zebra calls as it does ours */
	if (!zvrf || (vrf_is_backend_netns() && vrf_id != VRF_DEFAULT))
		return false;
	*table_id = zvrf->table_id;
	return true;
}

/* ---- what is wanted --------------------------------------------------- */

static struct name **name_find(const char *ifname)
{
	struct name **p = &names;

	while (*p && strcmp((*p)->ifname, ifname) != 0)
		p = &(*p)->next;
	return p;
}

/* what comes in by a member is seen at its bridge or bond again; what a bridge
 * only passes on is not ours */
static bool is_member(const struct interface *ifp)
{
	return IS_ZEBRA_IF_BRIDGE_SLAVE(ifp) || IS_ZEBRA_IF_BOND_SLAVE(ifp);
}

static bool in_all(const struct interface *ifp)
{
	return dyncast_config.ingress_all && ifp->ll_type == ZEBRA_LLT_ETHER &&
	       !IS_ZEBRA_IF_VRF(ifp) && !IS_ZEBRA_IF_VXLAN(ifp) &&
	       !is_member(ifp);
}

static struct attachment *attachment_find(uint32_t ifindex)
{
	struct attachment *a = attachments;

	while (a && a->ifindex != ifindex)
		a = a->next;
	return a;
}

/* the device's, or still ours */
static bool steered_here(const struct interface *ifp)
{
	const struct attachment *a = attachment_find(ifp->ifindex);

	if (!dyncast_veth_steers())
		return true;
	return a && (a->flags & DYNCAST_DP_ATTACH_STEER) &&
	       !dyncast_veth_has_all();
}

static uint32_t wanted(struct interface *ifp)
{
	if (ifp->ifindex == IFINDEX_INTERNAL ||
	    !CHECK_FLAG(ifp->status, ZEBRA_INTERFACE_ACTIVE) ||
	    if_is_loopback(ifp))
		return 0;
	if (dyncast_veth_is(ifp->name))
		return dyncast_veth_attach_flags(ifp->ifindex);
	if (dyncast_ipip_is(ifp->name))
		return 0;
	if ((*name_find(ifp->name) || in_all(ifp)) && steered_here(ifp))
		return DYNCAST_DP_ATTACH_STEER;
	if (dyncast_decap_wanted() && !IS_ZEBRA_IF_VRF(ifp) && !is_member(ifp))
		return DYNCAST_DP_ATTACH_DECAP;
	return 0;
}

/* ---- and done --------------------------------------------------------- */

static struct attachment *attachment_get(uint32_t ifindex)
{
	struct attachment *a = attachment_find(ifindex);

	if (a)
		return a;
	a = XCALLOC(MTYPE_DYNCAST_INGRESS, sizeof(*a));
	a->ifindex = ifindex;
	a->next = attachments;
	attachments = a;
	return a;
}

/* what cannot be done now may later, but the log need not tell each second */
static void attach_failed(struct attachment *a, uint32_t flags)
{
	a->flags = 0;
	a->tried_flags = flags;
	if (!a->pause_ms)
		zlog_warn(
			"dyncast: packets coming in by %s are not %s, see `show dyncast forwarding`; tried again from time to time",
			a->ifname,
			flags & DYNCAST_DP_ATTACH_DECAP ? "unpacked"
							: "steered");
	a->pause_ms =
		a->pause_ms ? MIN(2 * a->pause_ms, PAUSE_MAX_MS) : PAUSE_MIN_MS;
	a->retry_ms = dyncast_now_ms() + a->pause_ms;
}

/* somebody else may have taken a qdisc away */
static bool is_attached(struct attachment *a)
{
	int64_t now = dyncast_now_ms();

	if (!dyncast_dp_attached(a->ifindex))
		return false;
	if (!verify_left || now - a->verified_ms < VERIFY_MS)
		return true;
	verify_left--;
	a->verified_ms = now;
	if (dyncast_dp_still_attached(a->ifindex))
		return true;
	zlog_warn(
		"dyncast: something else has removed the program from %s, which gets it again",
		a->ifname);
	return false;
}

static void scan_one(struct interface *ifp)
{
	uint32_t table_id, flags = wanted(ifp);
	struct attachment *a;

	if (!flags || !dyncast_vrf_table(ifp->vrf->vrf_id, &table_id))
		return;
	if (flags & DYNCAST_DP_ATTACH_STEER)
		widest = MAX(widest, (uint32_t)ifp->mtu);
	a = attachment_get(ifp->ifindex);
	a->seen = true;
	if (strcmp(a->ifname, ifp->name) != 0 || a->tried_flags != flags)
		a->pause_ms = 0;
	strlcpy(a->ifname, ifp->name, sizeof(a->ifname));
	if (a->flags == flags && a->table_id == table_id && is_attached(a))
		return;
	if (!dyncast_startup_done() ||
	    (a->pause_ms && dyncast_now_ms() < a->retry_ms))
		return;
	if (!dyncast_dp_attach(a->ifindex, a->ifname, table_id, flags)) {
		attach_failed(a, flags);
		return;
	}
	a->flags = flags;
	a->table_id = table_id;
	a->pause_ms = 0;
}

/* There is room for one more: for that whose turn it is anyway.  One that is
 * refused for another reason is the last then, and the log hears of one. */
static void retry_next(void)
{
	struct attachment *next = NULL;

	for (struct attachment *a = attachments; a; a = a->next)
		if (!a->flags && a->retry_ms &&
		    (!next || a->retry_ms < next->retry_ms))
			next = a;
	if (next)
		next->retry_ms = 0;
}

/* the kernel detaches when an interface goes; its pin and its entry in the
 * maps are ours to remove, and may be what another one waits for */
static void drop_unseen(void)
{
	struct attachment **p = &attachments, *a;

	while ((a = *p)) {
		if (a->seen) {
			p = &a->next;
			continue;
		}
		if (a->flags)
			retry_next();
		dyncast_dp_detach(a->ifindex, a->ifname);
		*p = a->next;
		XFREE(MTYPE_DYNCAST_INGRESS, a);
	}
}

void dyncast_ingress_scan(void)
{
	struct interface *ifp;
	struct vrf *vrf;

	if (dyncast_cleared)
		return;
	dyncast_veth_update();
	if (!names && !attachments && !dyncast_config.ingress_all &&
	    !dyncast_decap_wanted() && !dyncast_veth_ifindex())
		return;
	widest = 0;
	verify_left = VERIFY_MAX;
	for (struct attachment *a = attachments; a; a = a->next)
		a->seen = false;
	RB_FOREACH (vrf, vrf_id_head, &vrfs_by_id)
		FOR_ALL_INTERFACES (vrf, ifp)
			scan_one(ifp);
	drop_unseen();
}

static void scan(struct event *e)
{
	(void)e;
	dyncast_ingress_scan();
}

void dyncast_ingress_scan_later(void)
{
	if (!t_scan)
		event_add_timer_msec(dyncast_loop, scan, NULL, SCAN_MS,
				     &t_scan);
}

void dyncast_ingress_add(const char *ifname)
{
	struct name **p = name_find(ifname);

	if (*p)
		return;
	*p = XCALLOC(MTYPE_DYNCAST_INGRESS, sizeof(**p));
	strlcpy((*p)->ifname, ifname, sizeof((*p)->ifname));
	dyncast_ingress_scan_later();
}

/* others have it by `dyncast ingress all`, as a way in of tunnels, .. */
static void detach_named(uint32_t ifindex, void *arg)
{
	if (attachment_find(ifindex))
		return;
	if (strcmp(dyncast_ifindex_name(ifindex), arg) == 0)
		dyncast_dp_detach(ifindex, arg);
}

void dyncast_ingress_del(const char *ifname)
{
	struct name **p = name_find(ifname), *name = *p;
	char copy[IFNAMSIZ];

	if (name) {
		*p = name->next;
		XFREE(MTYPE_DYNCAST_INGRESS, name);
		dyncast_ingress_scan();
		return;
	}
	/* attached since before a restart, and not configured since */
	strlcpy(copy, ifname, sizeof(copy));
	dyncast_dp_attached_each(detach_named, copy);
}

static void forget_one(uint32_t ifindex, void *arg)
{
	(void)arg;
	if (attachment_find(ifindex))
		return;
	zlog_info(
		"dyncast: %s is detached: the configuration does not want it since the restart",
		dyncast_ifindex_name(ifindex));
	dyncast_dp_detach(ifindex, dyncast_ifindex_name(ifindex));
}

void dyncast_ingress_forget(void)
{
	dyncast_ingress_scan();
	dyncast_dp_attached_each(forget_one, NULL);
	dyncast_veth_forget();
}

void dyncast_ingress_names(void (*fn)(const char *ifname, void *arg), void *arg)
{
	for (struct name *name = names; name; name = name->next)
		fn(name->ifname, arg);
}

bool dyncast_ingress_attached(const char *ifname)
{
	for (struct attachment *a = attachments; a; a = a->next)
		if (a->flags && strcmp(a->ifname, ifname) == 0)
			return true;
	return false;
}

void dyncast_ingress_each(dyncast_ingress_fn *fn, void *arg)
{
	struct dyncast_ingress ingress = {};

	for (struct attachment *a = attachments; a; a = a->next) {
		if (!a->flags)
			continue;
		ingress.name = a->ifname;
		ingress.ifindex = a->ifindex;
		ingress.flags = a->flags;
		fn(&ingress, arg);
	}
	for (struct name *name = names; name; name = name->next) {
		if (dyncast_ingress_attached(name->ifname))
			continue;
		ingress = (struct dyncast_ingress){.name = name->ifname};
		fn(&ingress, arg);
	}
}

void dyncast_ingress_clear(void)
{
	struct attachment *a;

	while ((a = attachments)) {
		attachments = a->next;
		XFREE(MTYPE_DYNCAST_INGRESS, a);
	}
}

void dyncast_ingress_fini(void)
{
	struct name *name;

	dyncast_event_off(&t_scan);
	dyncast_ingress_clear();
	while ((name = names)) {
		names = name->next;
		XFREE(MTYPE_DYNCAST_INGRESS, name);
	}
}
