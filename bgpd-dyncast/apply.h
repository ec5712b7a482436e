/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only way configuration takes effect.  Every function runs in one of two
 * phases: DYNCAST_VALIDATE changes nothing and says whether, and why not, the
 * change is possible; DYNCAST_APPLY makes it and cannot fail after a
 * successful validation.  The CLI calls both; northbound callbacks call the
 * same functions in their own phases.
 *
 * bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_APPLY_H
#define BGPD_DYNCAST_APPLY_H

#include "service.h"

enum dyncast_phase { DYNCAST_VALIDATE, DYNCAST_APPLY };

struct dyncast_apply {
	enum dyncast_phase phase;
	char error[192]; /* set when a function returns false */
};

struct dyncast_apply_instance {
	struct dyncast_addr address;
	uint32_t capacity; /* 0: not given */
	uint16_t sid;	   /* 0: not given */
	bool by_agent;
};

/* vrf "": the default VRF */
bool dyncast_apply_prefix(struct dyncast_apply *apply, const char *name,
			  const struct dyncast_prefix *prefix, const char *vrf);
/* refused when the service has another prefix */
bool dyncast_apply_prefix_remove(struct dyncast_apply *apply, const char *name,
				 const struct dyncast_prefix *prefix);
/* DYNCAST_*_DEFAULT removes the line */
bool dyncast_apply_affinity(struct dyncast_apply *apply, const char *name,
			    enum dyncast_affinity affinity, uint8_t plen,
			    uint16_t timeout_s);
/* hysteresis (percent) and hold_s 0: the ingress's defaults */
bool dyncast_apply_select(struct dyncast_apply *apply, const char *name,
			  enum dyncast_action action, uint8_t hysteresis,
			  uint16_t hold_s);
/* alpha: with DYNCAST_COST_WEIGHTED, percent of network cost */
bool dyncast_apply_cost(struct dyncast_apply *apply, const char *name,
			enum dyncast_cost_policy cost, uint8_t alpha);
/* thresholds past which an instance is not eligible; 0: none, all four 0
 * removes the line */
struct dyncast_apply_eligible {
	uint8_t max_utilisation; /* percent */
	uint8_t min_score;
	uint32_t max_delay_us;
	uint32_t max_network_us;
};
bool dyncast_apply_eligible(struct dyncast_apply *apply, const char *name,
			    const struct dyncast_apply_eligible *in);
/* interval_ms 0 removes the line */
bool dyncast_apply_interval(struct dyncast_apply *apply, const char *name,
			    uint32_t interval_ms, uint8_t threshold);
bool dyncast_apply_scope(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_scope scope);
/* DYNCAST_LEVEL_RAW is what holds without the line, too */
bool dyncast_apply_level(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_level level);
/* 0 removes the line, here and in the next two */
bool dyncast_apply_overload(struct dyncast_apply *apply, const char *name,
			    uint8_t percent);
bool dyncast_apply_as_scope(struct dyncast_apply *apply, const char *name,
			    uint32_t asn);
bool dyncast_apply_agent_timeout(struct dyncast_apply *apply, const char *name,
				 uint32_t seconds);
/* DYNCAST_CONSENT_UNSET removes the line */
bool dyncast_apply_consent(struct dyncast_apply *apply, const char *name,
			   enum dyncast_consent consent);

/* What the operator of this router says in place of the metrics.  A site is a
 * BGP next hop; family 0: this router's own instances. */

/* site NULL removes the line */
bool dyncast_apply_pin(struct dyncast_apply *apply, const char *name,
		       const struct dyncast_addr *site);
bool dyncast_apply_cap(struct dyncast_apply *apply, const char *name,
		       const struct dyncast_addr *site, uint8_t percent);
bool dyncast_apply_cap_remove(struct dyncast_apply *apply, const char *name,
			      const struct dyncast_addr *site);
bool dyncast_apply_dry_run(struct dyncast_apply *apply, const char *name,
			   bool dry_run);

bool dyncast_apply_instance(struct dyncast_apply *apply, const char *name,
			    const char *instance,
			    const struct dyncast_apply_instance *in);
/* line_only: the drain line stays, as frr-reload removes it on its own */
bool dyncast_apply_instance_remove(struct dyncast_apply *apply,
				   const char *name, const char *instance,
				   bool line_only);
bool dyncast_apply_drain(struct dyncast_apply *apply, const char *name,
			 const char *instance, bool drain);
bool dyncast_apply_feed(struct dyncast_apply *apply, const char *name,
			const char *instance, bool feed);
/* within NULL: agents may bring up none */
bool dyncast_apply_agent_instances(struct dyncast_apply *apply,
				   const char *name,
				   const struct dyncast_prefix *within,
				   uint8_t max);
/* an agent brings up an instance, or changes one that it brought up */
bool dyncast_apply_agent_instance(struct dyncast_apply *apply,
				  struct dyncast_service *service,
				  const char *instance,
				  const struct dyncast_apply_instance *in);
/* it goes; cannot be refused */
void dyncast_apply_agent_gone(struct dyncast_local *local, const char *why);
/* kind SRV6 or IPIP; NONE removes the line */
bool dyncast_apply_encapsulation(struct dyncast_apply *apply, const char *name,
				 const char *instance, enum dyncast_kind kind);
bool dyncast_apply_service_remove(struct dyncast_apply *apply,
				  const char *name);

/* the locator of its family; set false: there is none any more */
bool dyncast_apply_locator(struct dyncast_apply *apply,
			   const struct dyncast_prefix *locator, bool set);
bool dyncast_apply_attribute_code(struct dyncast_apply *apply,
				  unsigned int code);
bool dyncast_apply_profile(struct dyncast_apply *apply, bool ietf);
bool dyncast_apply_attribute_size(struct dyncast_apply *apply,
				  unsigned int size);
bool dyncast_apply_fast(struct dyncast_apply *apply, bool fast);
bool dyncast_apply_router_drain(struct dyncast_apply *apply, bool drain);
bool dyncast_apply_neighbor(struct dyncast_apply *apply,
			    const struct dyncast_addr *addr, bool accept);
/* DYNCAST_CONSENT_UNSET removes the line */
bool dyncast_apply_neighbor_consent(struct dyncast_apply *apply,
				    const struct dyncast_addr *addr,
				    enum dyncast_consent consent);
/* the whole of what is said of the site */
bool dyncast_apply_site(struct dyncast_apply *apply,
			const struct dyncast_site_config *config);
bool dyncast_apply_dbid_prefix(struct dyncast_apply *apply,
			       const struct dyncast_prefix *prefix, bool set);

#endif /* BGPD_DYNCAST_APPLY_H */
