// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What bgpd hears of local instances: ready (zebra reports a SID's routes
 * installed, or IP-in-IP is unpacked), unreachable (it does not answer, or its
 * address is no longer on link), or why it cannot be had from other sites.
 *
 * Main thread.
 */

#include <zebra.h>

#include "lib/vrf.h"

#include "clear.h"
#include "compat.h"
#include "decap.h"
#include "feedback.h"
#include "log_bound.h"
#include "module.h"
#include "neighbor.h"
#include "nht.h"
#include "peer_bgpd.h"
#include "service.h"
#include "sid.h"
#include "../lib/msg.h"

static const char *sid_problem(const struct dyncast_backend *b)
{
	if (b->service->key.prefix.addr.family != b->data.address.family)
		return "its address is not of the service's family";
	if (!dyncast_sid_vrf_served(b->data.address.family,
				    b->service->key.vrf_id))
		return "SIDs of IPv6 services are installed in the default VRF only";
	if (!b->sid)
		return "another instance has the same SID with another address, or in another VRF";
	if (!b->sid->alias.s_addr && !dyncast_sid_is_ipv6(b->sid))
		return "no alias address is left, see `dyncast alias-prefix`";
	if (dyncast_sid_beaten(b->sid))
		return "another route to its SID or alias is better: give the instance another sid, or take that route away";
	if (dyncast_sid_failed(b->sid))
		return "zebra could not install its SID or alias route; does the kernel have SRv6 (CONFIG_IPV6_SEG6_LWTUNNEL)?";
	return NULL;
}

static uint8_t feedback_state(const struct dyncast_backend *b,
			      const char **problem)
{
	bool srv6 = b->data.instance.kind == DYNCAST_KIND_SRV6;
	bool ipip = b->data.instance.kind == DYNCAST_KIND_IPIP;

	*problem = !srv6 && !ipip    ? NULL
		   : dyncast_cleared ? "its forwarding is cleared"
		   : srv6	     ? sid_problem(b)
				     : dyncast_decap_problem(b);
	if (*problem)
		return DYNCAST_FEEDBACK_FAILED;
	if (!b->nht || !b->nht->answered)
		return 0;
	if (!dyncast_nht_on_link(b->nht) || !b->neighbor ||
	    b->neighbor->state == DYNCAST_NEIGHBOR_FAILED)
		return DYNCAST_FEEDBACK_UNREACHABLE;
	if (b->neighbor->state == DYNCAST_NEIGHBOR_UNKNOWN)
		return 0;
	if ((srv6 && !dyncast_sid_installed(b->sid)) || (ipip && !b->decap))
		return 0;
	return DYNCAST_FEEDBACK_READY;
}

static void feedback_send(const struct dyncast_backend *b, uint8_t state)
{
	struct dyncast_msg_feedback feedback = {
		.service = b->service->key,
		.dbid = b->data.instance.dbid,
		.state = state,
	};

	dyncast_peer_feedback(&feedback);
}

void dyncast_feedback(struct dyncast_backend *b)
{
	const char *problem;
	uint8_t state;

	if (!dyncast_backend_is_local(b) || b->presence != DYNCAST_PRESENT)
		return;
	state = feedback_state(b, &problem);
	if (!state || state == b->feedback)
		return;
	b->feedback = state;
	if (problem)
		dyncast_log_bounded(
			zlog_warn,
			"instances that are not reachable from other sites",
			"dyncast: instance %s of service %s is not reachable from other sites: %s",
			b->data.instance.name, b->service->name, problem);
	else
		dyncast_log_bounded(
			zlog_info, "instances that are ready or unreachable",
			"dyncast: instance %s of service %s is %s",
			b->data.instance.name, b->service->name,
			state == DYNCAST_FEEDBACK_READY ? "ready"
			: dyncast_nht_on_link(b->nht)
				? "unreachable: it does not answer ARP or neighbour discovery"
				: "unreachable: its address is not on a connected network");
	feedback_send(b, state);
}

void dyncast_feedback_repeat(void)
{
	struct dyncast_service *s;
	struct dyncast_backend *b;
	const char *problem;
	uint8_t state;

	frr_each (dyncast_services, &dyncast_services, s) {
		frr_each (dyncast_backends, &s->backends, b) {
			if (!dyncast_backend_is_local(b) ||
			    b->presence != DYNCAST_PRESENT)
				continue;
			state = feedback_state(b, &problem);
			if (state)
				feedback_send(b, state);
		}
	}
}

void dyncast_feedback_all(void)
{
	struct dyncast_service *s;
	struct dyncast_backend *b;

	frr_each (dyncast_services, &dyncast_services, s) {
		frr_each (dyncast_backends, &s->backends, b) {
			b->feedback = 0;
			dyncast_feedback(b);
		}
	}
}
