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

#include "lib/typesafe.h"
#include "lib/vrf.h"

#include "apply.h"
#include "clear.h"
#include "compat.h"
#include "decap.h"
#include "ingress.h"
#include "ipip.h"
#include "module.h"
#include "nht.h"
#include "service.h"
#include "sid.h"
#include "startup.h"
#include "sysctl.h"
#include "../lib/addr.h"

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_TUNNEL, "Dyncast tunnel device");

PREDECL_RBTREE_UNIQ(tunnels);
/* a device, or why there is none */
struct tunnel {
	struct tunnels_item item;
	const struct dyncast_backend *owner;
	struct dyncast_ipip ipip;
	int error;
};

static int tunnel_cmp(const struct tunnel *a, const struct tunnel *b)
{
	return dyncast_addr_cmp(&a->ipip.dbid, &b->ipip.dbid);
}
DECLARE_RBTREE_UNIQ(tunnels, struct tunnel, item, tunnel_cmp);

static struct tunnels_head tunnels = INIT_RBTREE_UNIQ(tunnels);
static unsigned int wanted; /* D-BIDs that BPF unpacks */
static bool absent;	    /* the kernel has no such device: said */

static bool is_ipip(const struct dyncast_backend *b)
{
	return dyncast_backend_is_local(b) &&
	       b->data.instance.kind == DYNCAST_KIND_IPIP;
}

/* ---- by a device ------------------------------------------------------ */

static struct tunnel *tunnel_find(const struct dyncast_addr *dbid)
{
	const struct tunnel key = {.ipip.dbid = *dbid};

	return tunnels_find(&tunnels, &key);
}

static bool device_preferred(void)
{
	return !dyncast_dp_active() || dyncast_config.forwarding_kernel;
}

static bool device_wanted(const struct dyncast_backend *b)
{
	return is_ipip(b) && !dyncast_cleared && dyncast_startup_done() &&
	       device_preferred() && b->service->key.vrf_id == VRF_DEFAULT &&
	       b->data.address.family == b->service->key.prefix.addr.family &&
	       dyncast_nht_on_link(b->nht);
}

static void tunnel_drop(const struct dyncast_backend *b)
{
	struct tunnel *t = tunnel_find(&b->data.instance.dbid);

	if (!t || t->owner != b)
		return;
	if (!t->error)
		dyncast_ipip_clear(&t->ipip.dbid);
	tunnels_del(&tunnels, t);
	XFREE(MTYPE_DYNCAST_TUNNEL, t);
}

static void failure_log(const struct dyncast_backend *b, int error)
{
	if (error != EOPNOTSUPP) {
		zlog_warn(
			"dyncast: the kernel made no tunnel device for instance %s of service %s: %s",
			b->data.instance.name, b->service->name,
			safe_strerror(error));
		return;
	}
	if (!absent && dyncast_dp_active())
		zlog_info(
			"dyncast: the kernel has no ipip or sit device: BPF unpacks IP-in-IP, past netfilter");
	absent = true;
}

/* A device without an address lets nothing through in either mode. */
static void rp_filter_check(void)
{
	static bool said;

	if (said || !dyncast_sysctl("ipv4", "conf/all/rp_filter"))
		return;
	zlog_warn(
		"dyncast: net.ipv4.conf.all.rp_filter is not 0: the kernel drops what tunnel devices unpack; set it to 0, and on each interface as is wanted");
	said = true;
}

/* The kernel is asked once for each state that there is to be. */
static bool tunnel_have(struct dyncast_backend *b)
{
	struct dyncast_ipip ipip = {
		.dbid = b->data.instance.dbid,
		.service = b->service->key.prefix,
		.address = b->data.address,
		.ifindex = b->nht->nexthops[0].ifindex,
	};
	struct tunnel *t = tunnel_find(&ipip.dbid);

	if (t && t->owner != b)
		return false;
	if (t && memcmp(&t->ipip, &ipip, sizeof(ipip)) == 0)
		return !t->error;
	if (!t) {
		if (tunnels_count(&tunnels) >= DYNCAST_IPIP_MAX)
			return false;
		t = XCALLOC(MTYPE_DYNCAST_TUNNEL, sizeof(*t));
		t->owner = b;
		t->ipip.dbid = ipip.dbid;
		tunnels_add(&tunnels, t);
	}
	t->ipip = ipip;
	t->error = dyncast_ipip_set(&ipip);
	if (t->error)
		failure_log(b, t->error);
	else
		rp_filter_check();
	return !t->error;
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

/* what is to come is there before what was goes */
void dyncast_decap_update(struct dyncast_backend *b)
{
	bool device = device_wanted(b) && tunnel_have(b);
	bool bpf = !device && bpf_wanted(b) && bpf_have(b);
	uint8_t was = b->decap;

	if (!bpf && was == DYNCAST_DECAP_BPF)
		bpf_drop(b);
	if (!device_wanted(b))
		tunnel_drop(b);
	b->decap = device ? DYNCAST_DECAP_DEVICE
		   : bpf  ? DYNCAST_DECAP_BPF
			  : DYNCAST_DECAP_NONE;
	if (b->decap != was)
		dyncast_feedback(b);
}

void dyncast_decap_forget(struct dyncast_backend *b)
{
	bpf_drop(b);
	tunnel_drop(b);
	b->decap = DYNCAST_DECAP_NONE;
}

static const char *device_problem(const struct dyncast_backend *b)
{
	const struct tunnel *t = tunnel_find(&b->data.instance.dbid);

	if (b->service->key.vrf_id != VRF_DEFAULT)
		return "the kernel refuses BPF, and tunnel devices are for the default VRF only";
	if (b->data.address.family != b->service->key.prefix.addr.family)
		return "its address is not of the service's family";
	if (t && t->owner != b)
		return "another instance has the same D-BID";
	if (t && t->error == EOPNOTSUPP)
		return "IP-in-IP is unpacked by BPF, which the kernel refuses (see `show dyncast forwarding`), or by ipip and sit devices, which it does not have";
	if (t && t->error)
		return "the kernel refuses BPF, and made no tunnel device, see the log";
	if (!t && tunnels_count(&tunnels) >= DYNCAST_IPIP_MAX)
		return "the kernel refuses BPF, and there are as many tunnel devices as there may be";
	return NULL;
}

const char *dyncast_decap_problem(const struct dyncast_backend *b)
{
	if (b->decap == DYNCAST_DECAP_DEVICE)
		return NULL;
	if (!dyncast_dp_active())
		return device_problem(b);
	if (b->service->dp_index < 0)
		return "the service table is full, see `dyncast service-table size`";
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
	static struct dyncast_addr found[DYNCAST_IPIP_MAX];
	unsigned int n = dyncast_ipip_list(found, DYNCAST_IPIP_MAX);
	char name[DYNCAST_IPIP_NAME_SIZE];

	for (unsigned int i = 0; i < n; i++) {
		if (tunnel_find(&found[i]) || claimed(&found[i]))
			continue;
		dyncast_ipip_name(&found[i], name);
		zlog_info(
			"dyncast: tunnel device %s of a former run belongs to no instance: removed",
			name);
		dyncast_ipip_clear(&found[i]);
	}
}

static void tunnels_clear(void)
{
	struct tunnel *t;

	dyncast_ipip_clear_all();
	while ((t = tunnels_pop(&tunnels)))
		XFREE(MTYPE_DYNCAST_TUNNEL, t);
}

void dyncast_decap_cleared(void)
{
	tunnels_clear();
}

void dyncast_decap_init(void)
{
	tunnels_init(&tunnels);
}

void dyncast_decap_fini(void)
{
	tunnels_clear();
	tunnels_fini(&tunnels);
}
