/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of the system that make packets of services vanish without a
 * counter of ours moving: IP forwarding that is off, and strict reverse-path
 * filtering where replies or unpacked packets come in.  Read anew each time
 * that somebody asks; FRR leaves both to the system, and so do we.
 *
 * Main thread; called by show_forwarding.c.
 */

#include <zebra.h>

#include "apply.h"
#include "compat.h"
#include "decap.h"
#include "ingress.h"
#include "nht.h"
#include "route.h"
#include "rp_filter.h"
#include "sysctl.h"
#include "service.h"
#include "sid.h"
#include "warnings.h"

#define SEEN_MAX 64

struct asker {
	void (*fn)(const char *text, void *arg);
	void *arg;
	/* interfaces that were spoken of */
	uint32_t seen[SEEN_MAX];
	unsigned int n_seen;
	bool ipv4, ipv6; /* packets of the family are forwarded here */
	bool unpacks;	 /* SIDs .. */
	bool device;	 /* .. and IP-in-IP, by a device */
	unsigned int no_room;
};

static bool first_time(struct asker *to, uint32_t ifindex)
{
	for (unsigned int i = 0; i < to->n_seen; i++)
		if (to->seen[i] == ifindex)
			return false;
	if (to->n_seen < SEEN_MAX)
		to->seen[to->n_seen++] = ifindex;
	return true;
}

static void say(struct asker *to, const char *format, const char *name)
{
	char text[256];

	snprintf(text, sizeof(text), format, name);
	to->fn(text, to->arg);
}

/* replies of an instance come in by its network with the service's address as
 * their source, which the route has to lead to */
static void check_replies(struct asker *to, const struct dyncast_backend *b)
{
	uint32_t ifindex;

	if (!dyncast_backend_is_local(b) || !dyncast_nht_on_link(b->nht) ||
	    b->data.address.family != AF_INET)
		return;
	/* none yet, or on purpose: the plain one may well lead there */
	if (!dyncast_route_nexthops(b->service) && b->out.weight &&
	    !dyncast_config.route_none)
		return;
	ifindex = b->nht->nexthops[0].ifindex;
	if (!dyncast_route_leads_to(b->service, ifindex) &&
	    dyncast_rp_filter_strict(ifindex) && first_time(to, ifindex))
		say(to,
		    "net.ipv4.conf.%s.rp_filter is strict: replies of instances there that the service's route does not lead to are dropped; 2 (loose) lets them pass",
		    dyncast_ifindex_name(ifindex));
}

static void check_service(struct asker *to, const struct dyncast_service *s)
{
	const struct dyncast_backend *b;

	if (s->key.prefix.addr.family == AF_INET)
		to->ipv4 = true;
	else
		to->ipv6 = true;
	frr_each (dyncast_backends_const, &s->backends, b) {
		check_replies(to, b);
		to->no_room += dyncast_backend_no_room(b);
		if (b->sid) {
			to->unpacks = true;
			to->ipv6 = true;
		}
		if (b->decap == DYNCAST_DECAP_DEVICE)
			to->device = true;
	}
}

/* the kernel unpacks SIDs, and then looks where the client's address is */
static void check_core(struct asker *to)
{
	const struct dyncast_service *s;
	const struct dyncast_backend *b;
	uint32_t ifindex;

	/* the interfaces towards other sites are those of their D-BIDs */
	frr_each (dyncast_services_const, &dyncast_services, s) {
		frr_each (dyncast_backends_const, &s->backends, b) {
			if (!b->site_nht || !b->site_nht->n_nexthops)
				continue;
			ifindex = b->site_nht->nexthops[0].ifindex;
			if (dyncast_rp_filter_strict(ifindex) &&
			    first_time(to, ifindex))
				say(to,
				    "net.ipv4.conf.%s.rp_filter is strict: packets unpacked from SIDs are dropped there unless the route to their client leads out of it",
				    dyncast_ifindex_name(ifindex));
		}
	}
}

void dyncast_warnings_each(void (*fn)(const char *text, void *arg), void *arg)
{
	struct asker to = {.fn = fn, .arg = arg};
	const struct dyncast_service *s;
	char count[16];

	frr_each (dyncast_services_const, &dyncast_services, s)
		check_service(&to, s);
	if (to.unpacks)
		check_core(&to);
	if (to.no_room) {
		snprintf(count, sizeof(count), "%u", to.no_room);
		say(&to,
		    "%s candidate(s) get no flows, since the kernel's tables have no room for more instances (dyncast service-table size)",
		    count);
	}
	if (to.device && dyncast_sysctl("ipv4", "conf/all/rp_filter"))
		say(&to,
		    "%s is not 0: the kernel drops what tunnel devices unpack, in loose mode too; set it to 0, and on each interface as is wanted",
		    "net.ipv4.conf.all.rp_filter");
	if (dyncast_config.forwarding_kernel && !dyncast_graceful_restart())
		say(&to,
		    "%s does not survive a restart of zebra, which takes its routes away for a moment: start zebra with -K 60 (zebra_options in /etc/frr/daemons)",
		    "\"dyncast forwarding kernel\"");
	if (to.ipv4 && !dyncast_sysctl("ipv4", "ip_forward"))
		say(&to,
		    "%s is 0: IPv4 packets that the kernel has to forward, replies among them, end here",
		    "net.ipv4.ip_forward");
	if (to.ipv6 && !dyncast_sysctl("ipv6", "conf/all/forwarding"))
		say(&to,
		    "%s is 0: IPv6 packets, those to SIDs of this router too, end here",
		    "net.ipv6.conf.all.forwarding");
}
