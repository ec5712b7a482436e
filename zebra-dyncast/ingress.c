/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interfaces named by `dyncast ingress`: the BPF program is attached when
 * one exists, again when it is made anew, and with the table of its VRF.
 * Also the few questions about interfaces and VRFs that other files have,
 * answered from zebra's own tables.
 *
 * Main thread.  Runs after each message about interfaces and once a second.
 */

#include <zebra.h>

#include "lib/if.h"
#include "lib/linklist.h"
#include "lib/vrf.h"
#include "zebra/zebra_router.h"
#include "zebra/zebra_vrf.h"

#include "compat.h"
#include "dataplane.h"
#include "ingress.h"
#include "module.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_INGRESS,
		    "Dyncast ingress interface");

#define SCAN_MS 20

struct ingress {
	struct ingress *next;
	char name[IFNAMSIZ];
	uint32_t ifindex; /* attached there; 0 not attached */
	uint32_t table_id;
	uint32_t refused; /* ifindex for which that was logged */
};

static struct ingress *ingresses;
static struct event *t_scan;

static struct interface *find_by_name(const char *name)
{
	struct interface *ifp;
	struct vrf *vrf;

	RB_FOREACH (vrf, vrf_id_head, &vrfs_by_id) {
		ifp = if_lookup_by_name_vrf(name, vrf);
		if (ifp && ifp->ifindex != IFINDEX_INTERNAL &&
		    CHECK_FLAG(ifp->status, ZEBRA_INTERFACE_ACTIVE))
			return ifp;
	}
	return NULL;
}

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

const char *dyncast_ifindex_name(uint32_t ifindex)
{
	struct interface *ifp = find_by_index(ifindex);

	return ifp ? ifp->name : "-";
}

bool dyncast_vrf_table(uint32_t vrf_id, uint32_t *table_id)
{
	struct zebra_vrf *zvrf = zebra_vrf_lookup_by_id(vrf_id);

	if (!zvrf)
		return false;
	*table_id = zvrf->table_id;
	return true;
}

static void detach(struct ingress *in)
{
	if (in->ifindex)
		dyncast_dp_detach(in->ifindex, in->name);
	in->ifindex = 0;
}

static void scan_one(struct ingress *in)
{
	struct interface *ifp = find_by_name(in->name);
	uint32_t table_id;

	/* the kernel detaches when an interface goes; its pin and its entry
	 * in the maps are ours to remove */
	if (!ifp || in->ifindex != (uint32_t)ifp->ifindex)
		detach(in);
	if (!ifp)
		return;
	if (!dyncast_vrf_table(ifp->vrf->vrf_id, &table_id))
		return;
	if (in->ifindex == (uint32_t)ifp->ifindex && in->table_id == table_id &&
	    dyncast_dp_attached(in->ifindex))
		return;
	dyncast_module_dataplane_start();
	if (dyncast_dp_attach(ifp->ifindex, in->name, table_id,
			      DYNCAST_DP_ATTACH_STEER)) {
		in->ifindex = ifp->ifindex;
		in->table_id = table_id;
		in->refused = 0;
		return;
	}
	in->ifindex = 0;
	if (in->refused != (uint32_t)ifp->ifindex) {
		in->refused = ifp->ifindex;
		zlog_warn(
			"dyncast: packets coming in by %s are not steered, see `show dyncast forwarding`; tried again every second",
			in->name);
	}
}

void dyncast_ingress_scan(void)
{
	for (struct ingress *in = ingresses; in; in = in->next)
		scan_one(in);
}

static void scan(struct event *e)
{
	(void)e;
	dyncast_ingress_scan();
}

void dyncast_ingress_scan_later(void)
{
	if (ingresses && !t_scan)
		event_add_timer_msec(dyncast_loop, scan, NULL, SCAN_MS,
				     &t_scan);
}

static struct ingress **find(const char *ifname)
{
	struct ingress **p = &ingresses;

	while (*p && strcmp((*p)->name, ifname) != 0)
		p = &(*p)->next;
	return p;
}

bool dyncast_ingress_exists(const char *ifname)
{
	return *find(ifname) != NULL;
}

void dyncast_ingress_add(const char *ifname)
{
	struct ingress **p = find(ifname);

	if (*p)
		return;
	*p = XCALLOC(MTYPE_DYNCAST_INGRESS, sizeof(**p));
	strlcpy((*p)->name, ifname, sizeof((*p)->name));
	dyncast_ingress_scan_later();
}

void dyncast_ingress_del(const char *ifname)
{
	struct ingress **p = find(ifname), *in = *p;
	struct interface *ifp = find_by_name(ifname);

	/* also one that is attached since before a restart */
	if (ifp && dyncast_dp_attached(ifp->ifindex))
		dyncast_dp_detach(ifp->ifindex, ifname);
	if (!in)
		return;
	if (!ifp || in->ifindex != (uint32_t)ifp->ifindex)
		detach(in);
	*p = in->next;
	XFREE(MTYPE_DYNCAST_INGRESS, in);
}

static void forget_one(uint32_t ifindex, void *arg)
{
	(void)arg;
	for (struct ingress *in = ingresses; in; in = in->next)
		if (in->ifindex == ifindex)
			return;
	zlog_info(
		"dyncast: packets coming in by %s are no longer steered: `dyncast ingress` does not name it since the restart",
		dyncast_ifindex_name(ifindex));
	dyncast_dp_detach(ifindex, dyncast_ifindex_name(ifindex));
}

void dyncast_ingress_forget(void)
{
	dyncast_ingress_scan();
	dyncast_dp_attached_each(forget_one, NULL);
}

void dyncast_ingress_each(dyncast_ingress_fn *fn, void *arg)
{
	for (struct ingress *in = ingresses; in; in = in->next)
		fn(in->name, in->ifindex, in->ifindex != 0, arg);
}

void dyncast_ingress_fini(void)
{
	struct ingress *in;

	dyncast_event_off(&t_scan);
	while ((in = ingresses)) {
		ingresses = in->next;
		XFREE(MTYPE_DYNCAST_INGRESS, in);
	}
}
