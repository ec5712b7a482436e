/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The egress half of IP-in-IP: packets that arrive with the D-BID of a local
 * instance as their outer destination lose the outer header in the BPF program
 * and go to that instance or to nobody.  The program runs on every interface of
 * the router while there is such an instance (ingress.c).
 *
 * A stock ipip device could take the header off as well, but the inner packet
 * would then follow the route of the service, to any instance.  So without BPF
 * an instance of kind IPIP cannot be reached from other sites, and bgpd hears
 * so.
 *
 * Main thread; called by decide.c and backend.c.
 */

#include <zebra.h>

#include "compat.h"
#include "decap.h"
#include "ingress.h"
#include "module.h"
#include "service.h"
#include "sid.h"

static unsigned int wanted;

static bool is_unpacked(const struct dyncast_backend *b)
{
	return dyncast_backend_is_local(b) && b->id && b->programmed &&
	       b->data.instance.kind == DYNCAST_KIND_IPIP;
}

bool dyncast_decap_pending(const struct dyncast_backend *b)
{
	return is_unpacked(b) != b->decap;
}

void dyncast_decap_update(struct dyncast_backend *b)
{
	bool on = is_unpacked(b);

	if (on == b->decap)
		return;
	if (!on) {
		dyncast_decap_forget(b);
		return;
	}
	b->decap = dyncast_dp_decap_set(&b->data.instance.dbid, b->id);
	if (!b->decap)
		return; /* tried again at the next decision */
	if (!wanted++)
		dyncast_ingress_scan_later();
	dyncast_feedback(b);
}

void dyncast_decap_forget(struct dyncast_backend *b)
{
	/* a former run may have left one */
	if (b->decap || dyncast_sid_in_locator(&b->data.instance.dbid))
		dyncast_dp_decap_clear(&b->data.instance.dbid);
	if (b->decap && !--wanted)
		dyncast_ingress_scan_later();
	b->decap = false;
}

bool dyncast_decap_wanted(void)
{
	return wanted > 0;
}
