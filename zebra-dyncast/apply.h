/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration of zebra_dyncast and the only functions that change it.
 * Each has two phases, as FRR's northbound wants them: VALIDATE checks and
 * changes nothing; COMMIT follows a successful VALIDATE and cannot fail.  The
 * command line calls both in turn; see apply.c.
 */

#ifndef DYNCAST_ZEBRA_APPLY_H
#define DYNCAST_ZEBRA_APPLY_H

#include <netinet/in.h>
#include <net/if.h>

#include "lib/prefix.h"
#include "../lib/dyncast.h"

enum dyncast_apply_phase {
	DYNCAST_APPLY_VALIDATE,
	DYNCAST_APPLY_COMMIT,
};

#define DYNCAST_HOLD_DEFAULT 120u /* seconds */
#define DYNCAST_ALIAS_PREFIX_DEFAULT "198.19.240.0/20"
#define DYNCAST_ALIAS_PREFIX_LEN_MIN 8
#define DYNCAST_ALIAS_PREFIX_LEN_MAX 30

struct dyncast_config {
	uint32_t network_unit_us;
	uint32_t hold_s;
	uint32_t flow_table_size;
	uint32_t service_table_size; /* 0: the default */
	bool forwarding_kernel;
	bool ingress_all;
	bool flow_table_size_set;
	bool route_none;
	bool dry_run;
	struct in6_addr encap_source; /* :: for automatic */
	struct in_addr encap_source4; /* 0.0.0.0 for automatic */
	struct prefix_ipv4 alias_prefix;
	bool alias_prefix_set;
};
extern struct dyncast_config dyncast_config;

/* how long after a restart a recovered instance may be without a route, while
 * the routing daemons send theirs again */
#define DYNCAST_GRACE_MS 10000

/* How long the kernel may go on with what nobody confirms: as long as flows of
 * a lost BGP path stay, but a restart takes its time with a short hold too. */
static inline int64_t dyncast_apply_settle_ms(void)
{
	int64_t hold_ms = (int64_t)dyncast_config.hold_s * 1000;

	return hold_ms > DYNCAST_GRACE_MS ? hold_ms : DYNCAST_GRACE_MS;
}

void dyncast_apply_init(void);

/* each: false and a sentence in error when the value cannot be had */
bool dyncast_apply_network_cost(enum dyncast_apply_phase phase, uint32_t unit,
				char *error, size_t size);
bool dyncast_apply_hold(enum dyncast_apply_phase phase, uint32_t seconds,
			char *error, size_t size);
/* 0 for the default */
bool dyncast_apply_flow_table(enum dyncast_apply_phase phase, uint32_t flows,
			      char *error, size_t size);
/* decide and show, but install nothing, for all services */
bool dyncast_apply_dry_run_all(enum dyncast_apply_phase phase, bool on,
			       char *error, size_t size);
bool dyncast_apply_route_none(enum dyncast_apply_phase phase, bool none,
			      char *error, size_t size);
/* 0 for the default */
bool dyncast_apply_service_table(enum dyncast_apply_phase phase,
				 uint32_t services, char *error, size_t size);
/* packets of services pass netfilter and the reverse-path filter */
bool dyncast_apply_forwarding_kernel(enum dyncast_apply_phase phase, bool on,
				     char *error, size_t size);
/* NULL: choose automatically */
bool dyncast_apply_encap_source(enum dyncast_apply_phase phase, uint8_t family,
				const struct dyncast_addr *source, char *error,
				size_t size);
/* NULL: the default */
bool dyncast_apply_alias_prefix(enum dyncast_apply_phase phase,
				const struct prefix_ipv4 *prefix, char *error,
				size_t size);
bool dyncast_apply_ingress(enum dyncast_apply_phase phase, const char *ifname,
			   bool on, char *error, size_t size);
/* all Ethernet interfaces, also those that come later */
bool dyncast_apply_ingress_all(enum dyncast_apply_phase phase, bool on,
			       char *error, size_t size);

#endif /* DYNCAST_ZEBRA_APPLY_H */
