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
bool dyncast_apply_select(struct dyncast_apply *apply, const char *name,
			  enum dyncast_action action);
bool dyncast_apply_cost(struct dyncast_apply *apply, const char *name,
			enum dyncast_cost_policy cost);
/* interval_ms 0 removes the line */
bool dyncast_apply_interval(struct dyncast_apply *apply, const char *name,
			    uint32_t interval_ms, uint8_t threshold);
bool dyncast_apply_scope(struct dyncast_apply *apply, const char *name,
			 bool set, enum dyncast_scope scope);
bool dyncast_apply_instance(struct dyncast_apply *apply, const char *name,
			    const char *instance,
			    const struct dyncast_apply_instance *in);
/* line_only: the drain line stays, as frr-reload removes it on its own */
bool dyncast_apply_instance_remove(struct dyncast_apply *apply,
				   const char *name, const char *instance,
				   bool line_only);
bool dyncast_apply_drain(struct dyncast_apply *apply, const char *name,
			 const char *instance, bool drain);
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
bool dyncast_apply_neighbor(struct dyncast_apply *apply,
			    const struct dyncast_addr *addr, bool accept);
bool dyncast_apply_dbid_prefix(struct dyncast_apply *apply,
			       const struct dyncast_prefix *prefix, bool set);

#endif /* BGPD_DYNCAST_APPLY_H */
