// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * zebra_dyncast's half of `show dyncast summary`, the first look when something
 * is wrong: whether the kernel steers, a few totals, and a sentence for each
 * thing that wants attention.  bgpd's half is bgpd-dyncast/summary.c.
 *
 * zebra's main thread; reads state, changes nothing.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/json.h"

#include "apply.h"
#include "compat.h"
#include "dataplane.h"
#include "decide.h"
#include "ingress.h"
#include "module.h"
#include "peer_bgpd.h"
#include "service.h"
#include "show.h"
#include "sid.h"
#include "veth.h"
#include "warnings.h"
#include "../lib/addr.h"
#include "../lib/cost.h"
#include "../lib/msg.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/summary_clippy.c"
#endif

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_SUMMARY, "Dyncast summary");

#define WARNINGS_MAX 20 /* the rest is counted */

struct summary {
	json_object *texts; /* of the first warnings; all are counted */
	unsigned int warnings;
	unsigned int services, steered, without;
	/* candidates that take new flows, that could, and that cannot */
	unsigned int used, idle, unusable;
	unsigned int attached, waiting; /* interfaces */
	unsigned int sids, sids_installed;
	const struct dyncast_dp_status *dp;
	struct dyncast_peer_status bgpd;
};

/* a command under way */
struct look {
	bool json;
	struct dyncast_show_status status;
	bool begun;
	struct summary sum;
	struct dyncast_service_key after; /* where it goes on */
};

/* that one step looks at: a quarter of a millisecond */
#define STEP_SERVICES 64

static void warn(struct summary *sum, const char *format, ...) PRINTFRR(2, 3);

static void warn(struct summary *sum, const char *format, ...)
{
	char text[320];
	va_list ap;

	if (++sum->warnings > WARNINGS_MAX)
		return;
	va_start(ap, format);
	vsnprintfrr(text, sizeof(text), format, ap);
	va_end(ap);
	json_object_array_add(sum->texts, json_object_new_string(text));
}

static void look_at_kernel(struct summary *sum)
{
	if (!sum->dp->active)
		warn(sum, "the kernel steers nothing: %s",
		     sum->dp->reason[0] ? sum->dp->reason : "not started");
	if (sum->bgpd.other_version)
		warn(sum,
		     "bgpd_dyncast speaks version %u, zebra_dyncast version %u: systemctl restart frr",
		     sum->bgpd.other_version, DYNCAST_MSG_VERSION);
	else if (!sum->bgpd.alive)
		warn(sum,
		     "bgpd_dyncast is silent: is bgpd running, and the module loaded there?");
	else if (!sum->bgpd.synced)
		warn(sum, "bgpd has not said everything yet");
	if (dyncast_recovered_count())
		warn(sum,
		     "%u services of before the restart wait for bgpd to claim them",
		     dyncast_recovered_count());
}

static void look_at_candidate(struct summary *sum,
			      const struct dyncast_backend *b,
			      unsigned int *usable, uint8_t *verdict)
{
	uint8_t now = dyncast_backend_verdict_now(b);

	if (b->slots) {
		sum->used++;
		(*usable)++;
		return;
	}
	*verdict = now;
	if (dyncast_verdict_eligible(now))
		sum->idle++;
	else
		sum->unusable++;
}

static void look_at_service(struct summary *sum,
			    const struct dyncast_service *s)
{
	char name[DYNCAST_SERVICE_STRLEN];
	uint8_t verdict = DYNCAST_VERDICT_OK;
	const struct dyncast_backend *b;
	unsigned int usable = 0, all = 0;

	sum->services++;
	if (s->enabled)
		sum->steered++;
	frr_each (dyncast_backends_const, &s->backends, b) {
		look_at_candidate(sum, b, &usable, &verdict);
		all++;
	}
	dyncast_service_str(s, name, sizeof(name));
	if (!usable && all) {
		sum->without++;
		warn(sum,
		     "%s: none of %u candidates takes flows, the last one for: %s (show dyncast explain)",
		     name, all, dyncast_verdict_str(verdict));
	}
	if (s->dry)
		warn(sum, "%s is decided and not installed (dry-run)", name);
	else if (usable && sum->dp->active && !s->enabled)
		warn(sum, "%s is not in the kernel's tables: %s", name,
		     s->no_place
			     ? s->no_place
			     : "there is no room (dyncast service-table size)");
	if (s->stale)
		warn(sum, "%s is as bgpd said before it went", name);
	if (s->settling)
		warn(sum, "%s waits for routes after a restart", name);
	if (s->isolated)
		warn(sum, "%s: all its routes are lost, flows wait", name);
}

static void look_at_interface(const struct dyncast_ingress *ingress, void *arg)
{
	struct summary *sum = arg;

	if (ingress->ifindex) {
		sum->attached++;
		return;
	}
	/* the device does, and there is nothing to wait for */
	if (dyncast_veth_steers())
		return;
	sum->waiting++;
	warn(sum, "interface %s is configured and does not steer",
	     ingress->name);
}

static void look_at_sid(const struct dyncast_sid *sid, void *arg)
{
	struct summary *sum = arg;
	char text[DYNCAST_ADDR_STRLEN];

	sum->sids++;
	if (dyncast_sid_installed(sid))
		sum->sids_installed++;
	else if (dyncast_sid_failed(sid))
		warn(sum, "SID %s could not be installed, see zebra's log",
		     dyncast_addr_str(&sid->sid, text, sizeof(text)));
}

static void look_at_setting(const char *text, void *arg)
{
	warn(arg, "%s", text);
}

static void look_begin(struct look *look)
{
	struct summary *sum = &look->sum;

	look->begun = true;
	sum->texts = json_object_new_array();
	sum->dp = &look->status.dp;
	dyncast_peer_status_get(&sum->bgpd);
	look_at_kernel(sum);
	dyncast_warnings_each(look_at_setting, sum);
	dyncast_ingress_each(look_at_interface, sum);
	dyncast_sid_each(look_at_sid, sum);
}

/* true while there are more services */
static bool look_on(struct look *look)
{
	struct dyncast_service *s = NULL;

	for (unsigned int n = 0; n < STEP_SERVICES; n++) {
		s = s ? dyncast_services_next(&dyncast_services, s)
		      : dyncast_service_next(&look->after);
		if (!s)
			return false;
		look_at_service(&look->sum, s);
		look->after = s->key;
	}
	return true;
}

static void summary_text(struct dyncast_stream *out, const struct look *look)
{
	struct summary sum = look->sum;

	dyncast_stream_printf(out, "Forwarding (zebra)\n");
	dyncast_stream_printf(
		out, "  kernel        %s, by %s; %u services in its tables\n",
		sum.dp->active ? "steers" : "does not steer",
		sum.dp->attach_mode ? sum.dp->attach_mode : "none",
		sum.steered);
	dyncast_stream_printf(
		out,
		"  services      %u known, %u without a candidate in use\n",
		sum.services, sum.without);
	dyncast_stream_printf(
		out,
		"  candidates    %u take new flows, %u wait, %u cannot be used\n",
		sum.used, sum.idle, sum.unusable);
	dyncast_stream_printf(out, "  interfaces    %u attached, %u waiting\n",
			      sum.attached, sum.waiting);
	dyncast_stream_printf(out, "  SIDs          %u of %u installed\n",
			      sum.sids_installed, sum.sids);
	dyncast_stream_printf(out, "  bgpd          %s\n",
			      sum.bgpd.other_version ? "of another version"
			      : !sum.bgpd.alive	     ? "silent"
			      : sum.bgpd.synced	     ? "up, has said everything"
						     : "up, is telling");
	dyncast_stream_printf(
		out,
		"  packets       %" PRIu64 " steered; no instance %" PRIu64
		", errors %" PRIu64 "\n",
		sum.dp->packets_steered, sum.dp->no_instance, sum.dp->errors);
	dyncast_stream_printf(out,
			      "  flows         %" PRIu64 " new, %" PRIu64
			      " re-pinned, %" PRIu64 " refused\n",
			      sum.dp->flow_new, sum.dp->flow_repinned,
			      sum.dp->flow_refused);
	if (!sum.warnings) {
		dyncast_stream_printf(out, "  nothing to warn of\n");
		return;
	}
	for (size_t i = 0; i < json_object_array_length(sum.texts); i++)
		dyncast_stream_printf(
			out, "  ! %s\n",
			json_object_get_string(
				json_object_array_get_idx(sum.texts, i)));
	if (sum.warnings > WARNINGS_MAX)
		dyncast_stream_printf(
			out,
			"  ! .. and %u more, see show dyncast forwarding\n",
			sum.warnings - WARNINGS_MAX);
}

static json_object *summary_json(const struct look *look)
{
	json_object *json = json_object_new_object();
	json_object *services = json_object_new_object();
	json_object *candidates = json_object_new_object();
	json_object *interfaces = json_object_new_object();
	json_object *sids = json_object_new_object();
	struct summary sum = look->sum;

	json_object_boolean_add(json, "active", sum.dp->active);
	json_object_string_add(json, "attachMode",
			       sum.dp->attach_mode ? sum.dp->attach_mode
						   : "none");
	json_object_int_add(services, "known", sum.services);
	json_object_int_add(services, "steered", sum.steered);
	json_object_int_add(services, "withoutCandidate", sum.without);
	json_object_object_add(json, "services", services);
	json_object_int_add(candidates, "used", sum.used);
	json_object_int_add(candidates, "idle", sum.idle);
	json_object_int_add(candidates, "unusable", sum.unusable);
	json_object_object_add(json, "candidates", candidates);
	json_object_int_add(interfaces, "attached", sum.attached);
	json_object_int_add(interfaces, "waiting", sum.waiting);
	json_object_object_add(json, "interfaces", interfaces);
	json_object_int_add(sids, "known", sum.sids);
	json_object_int_add(sids, "installed", sum.sids_installed);
	json_object_object_add(json, "sids", sids);
	json_object_boolean_add(json, "bgpdUp", sum.bgpd.alive);
	json_object_boolean_add(json, "bgpdSynced", sum.bgpd.synced);
	json_object_int_add(json, "packetsSteered", sum.dp->packets_steered);
	json_object_int_add(json, "noInstance", sum.dp->no_instance);
	json_object_int_add(json, "errors", sum.dp->errors);
	json_object_int_add(json, "flowNew", sum.dp->flow_new);
	json_object_int_add(json, "flowRepinned", sum.dp->flow_repinned);
	json_object_int_add(json, "flowRefused", sum.dp->flow_refused);
	json_object_object_add(json, "warnings", json_object_get(sum.texts));
	json_object_int_add(json, "warningsInAll", sum.warnings);
	return json;
}

static bool look_step(struct dyncast_stream *out, void *arg)
{
	struct look *look = arg;

	while (dyncast_show_status_step(&look->status))
		if (!dyncast_stream_cut(out))
			return true;
	if (!look->begun)
		look_begin(look);
	while (look_on(look))
		if (!dyncast_stream_cut(out))
			return true;
	if (look->json) {
		dyncast_show_json(out, summary_json(look), false);
		dyncast_stream_printf(out, "\n");
	} else {
		summary_text(out, look);
	}
	return false;
}

static void look_end(void *arg)
{
	struct look *look = arg;

	json_object_free(look->sum.texts);
	XFREE(MTYPE_DYNCAST_SUMMARY, look);
}

DEFPY(show_dyncast_summary, show_dyncast_summary_cmd,
      "show dyncast summary [json$uj]",
      SHOW_STR
      "Compute-aware anycast\n"
      "Totals, and what wants attention\n" JSON_STR)
{
	struct look *look = XCALLOC(MTYPE_DYNCAST_SUMMARY, sizeof(*look));

	look->json = uj;
	return dyncast_stream_start(vty, look_step, look_end, look);
}

void dyncast_summary_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_summary_cmd);
}
