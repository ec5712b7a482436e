// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Operational data of the container `forwarding`, the RPC that clears flows and
 * the notification of a service without instances.  List entries are the
 * services and candidates themselves.  zebra's main thread.
 */

#include <zebra.h>

#include "compat.h"
#include "dataplane.h"
#include "decide.h"
#include "peer_bgpd.h"
#include "route.h"
#include "service.h"
#include "show.h"
#include "yang.h"
#include "../lib/addr.h"
#include "../lib/words.h"
#include "../yang/metrics.h"

/* ---- lists -----------------------------------------------------------------
 */

static const void *service_next(struct nb_cb_get_next_args *args)
{
	struct dyncast_service *s = (void *)args->list_entry;

	return s ? dyncast_services_next(&dyncast_services, s)
		 : dyncast_services_first(&dyncast_services);
}

static int service_keys(struct nb_cb_get_keys_args *args)
{
	const struct dyncast_service *s = args->list_entry;

	args->keys->num = 2;
	snprintf(args->keys->key[0], sizeof(args->keys->key[0]), "%u",
		 s->key.vrf_id);
	dyncast_prefix_str(&s->key.prefix, args->keys->key[1],
			   sizeof(args->keys->key[1]));
	return NB_OK;
}

static const void *service_lookup(struct nb_cb_lookup_entry_args *args)
{
	struct dyncast_service_key key = {
		.vrf_id = strtoul(args->keys->key[0], NULL, 10),
	};

	return dyncast_prefix_parse(args->keys->key[1], &key.prefix)
		       ? dyncast_service_find(&key)
		       : NULL;
}

static const void *backend_next(struct nb_cb_get_next_args *args)
{
	struct dyncast_service *s = (void *)args->parent_list_entry;
	struct dyncast_backend *b = (void *)args->list_entry;

	/* 8.4 asks for the candidates of nobody, when given the path of one */
	if (!s)
		return NULL;
	return b ? dyncast_backends_next(&s->backends, b)
		 : dyncast_backends_first(&s->backends);
}

static int backend_keys(struct nb_cb_get_keys_args *args)
{
	const struct dyncast_backend *b = args->list_entry;

	args->keys->num = 1;
	dyncast_addr_str(&b->data.instance.dbid, args->keys->key[0],
			 sizeof(args->keys->key[0]));
	return NB_OK;
}

static const void *backend_lookup(struct nb_cb_lookup_entry_args *args)
{
	struct dyncast_service *s = (void *)args->parent_list_entry;
	struct dyncast_addr dbid;

	return s && dyncast_addr_parse(args->keys->key[0], &dbid)
		       ? dyncast_backend_find(s, &dbid)
		       : NULL;
}

const struct dyncast_nb_list dyncast_yang_lists[] = {
	{"service", service_next, service_keys, service_lookup},
	{"service/candidate", backend_next, backend_keys, backend_lookup},
	{0},
};

/* ---- leaves ----------------------------------------------------------------
 */

#define IS(name) (!strcmp(leaf, name))

/* NULL for a text that says nothing */
static struct yang_data *text(const char *xpath, const char *value)
{
	return value[0] ? yang_data_new(xpath, value) : NULL;
}

static struct yang_data *counter_get(const char *leaf, const char *xpath,
				     const struct dyncast_dp_counters *c)
{
	if (IS("packets"))
		return yang_data_new_uint64(xpath, c->packets);
	if (IS("octets"))
		return yang_data_new_uint64(xpath, c->bytes);
	if (IS("flows-new"))
		return yang_data_new_uint64(xpath, c->flows_new);
	return NULL;
}

/* counters are summed over CPUs and instances: once for all leaves, and in one
 * go, as the northbound wants them */
static const struct dyncast_dp_status *status_get(void)
{
	static struct dyncast_show_status status;
	static int64_t taken_ms;
	int64_t now = dyncast_now_ms();

	if (!taken_ms || now - taken_ms > 100) {
		memset(&status, 0, sizeof(status));
		while (dyncast_show_status_step(&status))
			;
		taken_ms = now;
	}
	return &status.dp;
}

static struct yang_data *status_counter(const char *leaf, const char *xpath)
{
	const struct dyncast_dp_status *s = status_get();
	const struct {
		const char *leaf;
		uint64_t value;
	} counters[] = {
		{"packets", s->packets_steered},
		{"octets", s->bytes_steered},
		{"flows-new", s->flow_new},
		{"flow-hits", s->flow_hits},
		{"flow-stateless", s->flow_stateless},
		{"flows-repinned", s->flow_repinned},
		{"flows-refused", s->flow_refused},
		{"flows-limited", s->flow_limited},
		{"no-instance", s->no_instance},
		{"too-big", s->too_big},
		{"fragments", s->fragments},
		{"errors", s->errors},
		{"decapsulated", s->decapsulated},
		{"decapsulation-dropped", s->decap_dropped},
		{"memory", s->memory.total},
	};

	for (unsigned int i = 0; i < array_size(counters); i++)
		if (IS(counters[i].leaf))
			return yang_data_new_uint64(xpath, counters[i].value);
	return NULL;
}

static struct yang_data *state_get(const char *leaf, const char *xpath)
{
	struct dyncast_peer_status peer;

	if (IS("active"))
		return yang_data_new_bool(xpath, status_get()->active);
	if (IS("reason"))
		return text(xpath, status_get()->reason);
	if (IS("bgpd")) {
		dyncast_peer_status_get(&peer);
		return yang_data_new_bool(xpath, peer.alive);
	}
	return status_counter(leaf, xpath);
}

static struct yang_data *service_get(const char *leaf, const char *xpath,
				     const struct dyncast_service *s)
{
	struct dyncast_dp_counters counters = {};

	if (IS("name"))
		return text(xpath, s->name);
	if (IS("route-next-hops"))
		return yang_data_new_uint32(xpath, dyncast_route_nexthops(s));
	if (IS("slots-left"))
		return yang_data_new_uint32(xpath, s->ring_left);
	if (IS("settling"))
		return yang_data_new_bool(xpath, s->settling);
	if (IS("stale"))
		return yang_data_new_bool(xpath, s->stale);
	if (s->dp_index >= 0)
		dyncast_dp_service_counters(s->dp_index, &counters);
	return counter_get(leaf, xpath, &counters);
}

static struct yang_data *decision_get(const char *leaf, const char *xpath,
				      const struct dyncast_backend *b)
{
	bool costs = b->out.cost_us != UINT64_MAX;

	if (IS("network-metric"))
		return yang_data_new_uint32(xpath, dyncast_backend_metric(b));
	if (IS("network-cost") && costs)
		return yang_data_new_uint64(xpath, b->out.network_us);
	if (IS("delay-cost") && costs)
		return yang_data_new_uint64(xpath, b->out.delay_us);
	if (IS("cost") && costs)
		return yang_data_new_uint64(xpath, b->out.cost_us);
	if (IS("weight"))
		return yang_data_new_uint32(xpath, b->out.weight);
	if (IS("target-weight"))
		return yang_data_new_uint32(xpath, b->out.target);
	if (IS("slots"))
		return yang_data_new_uint32(xpath, b->slots);
	return NULL;
}

static struct yang_data *backend_get(const char *leaf, const char *xpath,
				     const struct dyncast_backend *b)
{
	struct dyncast_dp_counters counters = {};
	char site[DYNCAST_ADDR_STRLEN], wanted[sizeof("100.00")];
	struct yang_data *data;

	if (IS("name"))
		return text(xpath, b->data.instance.name);
	if (IS("kind"))
		return yang_data_new(xpath,
				     dyncast_kind_str(b->data.instance.kind));
	if (IS("site"))
		return b->data.site.family
			       ? yang_data_new(xpath,
					       dyncast_addr_str(&b->data.site,
								site,
								sizeof(site)))
			       : NULL;
	if (IS("verdict"))
		return yang_data_new(xpath, dyncast_show_reason(b));
	if (IS("wanted")) {
		snprintf(wanted, sizeof(wanted), "%.2f",
			 dyncast_wanted_percent(b->data.withheld));
		return yang_data_new(xpath, wanted);
	}
	data = decision_get(leaf, xpath, b);
	if (!data)
		data = dyncast_nb_metric(leaf, xpath, &b->data.instance.metrics,
					 dyncast_backend_age(b));
	if (data)
		return data;
	if (b->id)
		dyncast_dp_instance_counters(b->id, &counters);
	return counter_get(leaf, xpath, &counters);
}

struct yang_data *dyncast_yang_get(const char *leaf,
				   struct nb_cb_get_elem_args *args)
{
	if (strstr(args->xpath, ":forwarding/state/"))
		return state_get(leaf, args->xpath);
	if (!args->list_entry)
		return NULL;
	if (strstr(args->xpath, "/candidate["))
		return backend_get(leaf, args->xpath, args->list_entry);
	return service_get(leaf, args->xpath, args->list_entry);
}

/* ---- RPC and notification ---------------------------------------------------
 */

int dyncast_yang_clear_flows(struct nb_cb_rpc_args *args)
{
	return dyncast_flows_clear(dyncast_nb_input(args, "service"),
				   dyncast_nb_input(args, "instance"),
				   args->errmsg, args->errmsg_len)
		       ? NB_OK
		       : NB_ERR;
}

static bool has_instance(const struct dyncast_service *s)
{
	const struct dyncast_backend *b;

	frr_each (dyncast_backends_const, &s->backends, b)
		if (b->out.weight)
			return true;
	return false;
}

void dyncast_yang_tick(struct dyncast_service *s)
{
	char id[16], prefix[DYNCAST_PREFIX_STRLEN];
	bool was = s->notified_up;

	s->notified_up = has_instance(s);
	if (!was || s->notified_up)
		return;
	snprintf(id, sizeof(id), "%u", s->key.vrf_id);
	dyncast_prefix_str(&s->key.prefix, prefix, sizeof(prefix));
	dyncast_nb_notify("service-without-instances", "vrf-id", id, "prefix",
			  prefix, "name", s->name[0] ? s->name : NULL, NULL);
}
