// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The egress half of IP-in-IP: packets that arrive with the D-BID of a local
 * instance as their outer destination lose the outer header and go to that
 * instance or to nobody.  One of two does that:
 *
 * BPF
 *    The program that steers, on every interface of the router while there is
 *    such an instance (ingress.c).  Any number of instances, no cost to other
 *    packets but the program's; netfilter does not see what comes out.
 * a device
 *    The kernel's own, one for each D-BID, with a rule and a table (ipip.c).
 *    Where the kernel refuses BPF, and with `dyncast forwarding kernel`, whose
 *    point is that packets pass netfilter.  Every packet of the router passes
 *    the rules, so there are few.
 *
 * Where the kernel has no such device, or there are too many, it is BPF; where
 * it has neither, bgpd hears that the instance cannot be reached.
 *
 * Main thread; called by decide.c and backend.c.
 */

#include <zebra.h>

#include "lib/vrf.h"

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "decap.h"
#include "feedback.h"
#include "ingress.h"
#include "ipip.h"
#include "module.h"
#include "nht.h"
#include "service.h"
#include "sid.h"
#include "startup.h"
#include "tunnel.h"
#include "../lib/addr.h"

static unsigned int wanted; /* D-BIDs that BPF unpacks */

static bool is_ipip(const struct dyncast_backend *b)
{
	return dyncast_backend_is_local(b) &&
	       b->data.instance.kind == DYNCAST_KIND_IPIP;
}

/* ---- by a device ------------------------------------------------------ */

static bool device_preferred(void)
{
	return !dyncast_dp_active() || dyncast_config.forwarding_kernel;
}

static bool device_wanted(const struct dyncast_backend *b)
{
	return is_ipip(b) && b->data.instance.dbid.family == AF_INET &&
	       !dyncast_cleared && dyncast_startup_done() &&
	       device_preferred() && b->service->key.vrf_id == VRF_DEFAULT &&
	       b->data.address.family == b->service->key.prefix.addr.family &&
	       dyncast_nht_on_link(b->nht);
}

static enum dyncast_tunnel_state device_state(struct dyncast_backend *b)
{
	struct dyncast_ipip ipip = {
		.dbid = b->data.instance.dbid,
		.service = b->service->key.prefix,
		.address = b->data.address,
	};

	if (!device_wanted(b))
		return DYNCAST_TUNNEL_NONE;
	ipip.ifindex = b->nht->nexthops[0].ifindex;
	return dyncast_tunnel_want(b, &ipip);
}

/* ---- by BPF ----------------------------------------------------------- */

static bool bpf_wanted(const struct dyncast_backend *b)
{
	return is_ipip(b) && b->id && b->programmed;
}

static bool bpf_have(struct dyncast_backend *b)
{
	if (b->decap == DYNCAST_DECAP_BPF)
		return true;
	if (!dyncast_dp_decap_set(&b->data.instance.dbid, b->id))
		return false; /* tried again at the next decision */
	if (!wanted++)
		dyncast_ingress_scan_later();
	return true;
}

static void bpf_drop(struct dyncast_backend *b)
{
	bool on = b->decap == DYNCAST_DECAP_BPF;

	/* a former run may have left one */
	if (on || dyncast_sid_in_locator(&b->data.instance.dbid))
		dyncast_dp_decap_clear(&b->data.instance.dbid, b->id);
	if (on && !--wanted)
		dyncast_ingress_scan_later();
}

bool dyncast_decap_wanted(void)
{
	return wanted > 0;
}

/* ---- either ----------------------------------------------------------- */

bool dyncast_decap_pending(const struct dyncast_backend *b)
{
	return bpf_wanted(b) ? b->decap == DYNCAST_DECAP_NONE
			     : b->decap == DYNCAST_DECAP_BPF;
}

/* What is to come is there before what was goes; BPF does not step in for the
 * moment that a device takes. */
void dyncast_decap_update(struct dyncast_backend *b)
{
	enum dyncast_tunnel_state state = device_state(b);
	uint8_t was = b->decap;
	bool device = state == DYNCAST_TUNNEL_MADE;
	bool wait = state == DYNCAST_TUNNEL_COMING && was != DYNCAST_DECAP_BPF;
	bool bpf = !device && !wait && bpf_wanted(b) && bpf_have(b);

	if (!bpf && was == DYNCAST_DECAP_BPF)
		bpf_drop(b);
	if (!device_wanted(b))
		dyncast_tunnel_drop(b);
	b->decap = device ? DYNCAST_DECAP_DEVICE
		   : bpf  ? DYNCAST_DECAP_BPF
			  : DYNCAST_DECAP_NONE;
	if (b->decap != was)
		dyncast_feedback(b);
}

void dyncast_decap_forget(struct dyncast_backend *b)
{
	bpf_drop(b);
	dyncast_tunnel_drop(b);
	b->decap = DYNCAST_DECAP_NONE;
}

static const char *device_problem(const struct dyncast_backend *b)
{
	if (b->data.instance.dbid.family != AF_INET)
		return "the kernel refuses BPF, and tunnel devices are for D-BIDs of an IPv4 locator only";
	if (b->service->key.vrf_id != VRF_DEFAULT)
		return "the kernel refuses BPF, and tunnel devices are for the default VRF only";
	if (b->data.address.family != b->service->key.prefix.addr.family)
		return "its address is not of the service's family";
	return dyncast_tunnel_problem(b);
}

const char *dyncast_decap_problem(const struct dyncast_backend *b)
{
	if (b->decap == DYNCAST_DECAP_DEVICE)
		return NULL;
	if (!dyncast_dp_active())
		return device_problem(b);
	if (b->service->dp_index < 0)
		return "the service table is full, see `dyncast service-table size`";
	if (dyncast_backend_no_room(b))
		return "there is no room for another instance, see `dyncast service-table size`";
	return NULL;
}

const char *dyncast_decap_str(const struct dyncast_backend *b)
{
	return b->decap == DYNCAST_DECAP_BPF	  ? "bpf"
	       : b->decap == DYNCAST_DECAP_DEVICE ? "device"
						  : NULL;
}

/* ---- life ------------------------------------------------------------- */

/* its device may be made only at the next decision */
static bool claimed(const struct dyncast_addr *dbid)
{
	struct dyncast_service *s;

	frr_each (dyncast_services, &dyncast_services, s) {
		const struct dyncast_backend *b = dyncast_backend_find(s, dbid);

		if (b && is_ipip(b) && device_preferred())
			return true;
	}
	return false;
}

void dyncast_decap_sweep(void)
{
	static struct dyncast_addr found[DYNCAST_IPIP_FOUND_MAX];
	unsigned int n = dyncast_ipip_list(found, DYNCAST_IPIP_FOUND_MAX);

	for (unsigned int i = 0; i < n; i++)
		if (!claimed(&found[i]))
			dyncast_tunnel_sweep(&found[i]);
}

void dyncast_decap_cleared(void)
{
	dyncast_tunnel_clear();
}
