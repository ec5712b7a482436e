/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every metric that dyncast-exporter has, in the order in which those of an
 * answer are written: rows of one name stand together.  Only metrics.c includes
 * this; doc/monitoring.rst lists them, and a test compares both.
 *
 * Names and units are Prometheus's: base units (seconds, ratios of 1), counters
 * end in _total.
 */

#ifndef DYNCAST_EXPORTER_METRICS_TABLE_H
#define DYNCAST_EXPORTER_METRICS_TABLE_H

/* what a metric belongs to, which gives it its labels */
enum level {
	LEVEL_BGP,
	LEVEL_SERVICE,	 /* service, prefix, vrf */
	LEVEL_CANDIDATE, /* and backend, dbid, site */
	LEVEL_LOCAL,	 /* service, backend */
	LEVEL_FORWARDING,
	LEVEL_INGRESS,	   /* interface */
	LEVEL_SID,	   /* sid */
	LEVEL_FWD_SERVICE, /* service, prefix, vrf */
	LEVEL_FWD_INSTANCE /* and backend, dbid */
};

struct metric {
	const char *name, *help;
	enum { GAUGE, COUNTER } type;
	enum level level;
	const char *path;   /* members of the JSON, with dots */
	double scale;	    /* to base units; 0: as it is */
	const char *equals; /* 1 when the member is this text, else 0 */
	const char *label;  /* one more label, written out */
};

#define MS 1e-3
#define US 1e-6

#define RECEIVED                                                               \
	"dyncast_bgp_attributes_total",                                        \
		"Attributes that were received, by what became of them.",      \
		COUNTER, LEVEL_BGP
#define MALFORMED(member, reason)                                              \
	{                                                                      \
		"dyncast_bgp_malformed_attributes_total",                      \
			"Attributes whose metrics were not taken.", COUNTER,   \
			LEVEL_BGP, "received.malformed." member,               \
			.label = "reason=\"" reason "\""                       \
	}
#define REFUSED_LINES(member, reason)                                          \
	{                                                                      \
		"dyncast_agent_refused_lines_total",                           \
			"Of these, lines that were refused.", COUNTER,         \
			LEVEL_BGP, "agents." member,                           \
			.label = "reason=\"" reason "\""                       \
	}
#define MEMORY(member, part)                                                   \
	{                                                                      \
		"dyncast_forwarding_memory_bytes",                             \
			"Memory of the kernel's maps.", GAUGE,                 \
			LEVEL_FORWARDING, "kernel." member,                    \
			.label = "part=\"" part "\""                           \
	}
#define TOTAL(name, member, help)                                              \
	{                                                                      \
		"dyncast_forwarding_" name "_total", help, COUNTER,            \
			LEVEL_FORWARDING, "kernel." member                     \
	}
#define PER_SERVICE(name, member, help)                                        \
	{                                                                      \
		"dyncast_service_" name "_total", help, COUNTER,               \
			LEVEL_FWD_SERVICE, member                              \
	}
#define PER_INSTANCE(name, member, help)                                       \
	{                                                                      \
		"dyncast_instance_" name "_total", help, COUNTER,              \
			LEVEL_FWD_INSTANCE, member                             \
	}

static const struct metric metrics[] = {
	/* bgpd */
	{"dyncast_bgp_zebra_up", "Whether zebra_dyncast answers bgpd.", GAUGE,
	 LEVEL_BGP, "zebra.up"},
	{"dyncast_bgp_zebra_queued_services",
	 "Services whose candidates zebra has not been told yet.", GAUGE,
	 LEVEL_BGP, "zebra.queued"},
	{"dyncast_bgp_zebra_stalls_total",
	 "Times that zebra was too slow to acknowledge.", COUNTER, LEVEL_BGP,
	 "zebra.stalls"},
	{"dyncast_bgp_draining", "Whether the whole router is drained.", GAUGE,
	 LEVEL_BGP, "drain"},
	{"dyncast_agents", "Agents that are connected.", GAUGE, LEVEL_BGP,
	 "agents.clients"},
	{"dyncast_agent_lines_total", "Lines that agents sent.", COUNTER,
	 LEVEL_BGP, "agents.lines"},
	REFUSED_LINES("badLines", "bad"),
	REFUSED_LINES("overlongLines", "overlong"),
	REFUSED_LINES("halfLines", "half"),
	{RECEIVED, "received.decoded", .label = "result=\"decoded\""},
	{RECEIVED, "received.untrusted", .label = "result=\"untrusted\""},
	{RECEIVED, "received.outOfScope", .label = "result=\"out_of_scope\""},
	{RECEIVED, "received.badFlags", .label = "result=\"bad_flags\""},
	{RECEIVED, "received.repeated", .label = "result=\"repeated\""},
	{RECEIVED, "received.noRoom", .label = "result=\"no_room\""},
	MALFORMED("empty", "empty"),
	MALFORMED("truncated", "truncated"),
	MALFORMED("badLength", "bad_length"),
	MALFORMED("badValue", "bad_value"),
	MALFORMED("duplicateDbid", "duplicate_dbid"),
	MALFORMED("tooManyInstances", "too_many_instances"),
	{"dyncast_bgp_filtered_dbids_total",
	 "D-BIDs that dyncast dbid-prefix refused.", COUNTER, LEVEL_BGP,
	 "received.filtered"},

	/* services as bgpd has them */
	{"dyncast_service_configured",
	 "Whether the service is configured at this router.", GAUGE,
	 LEVEL_SERVICE, "configured"},
	{"dyncast_service_advertised",
	 "Whether this router advertises the service.", GAUGE, LEVEL_SERVICE,
	 "state", .equals = "advertised"},
	{"dyncast_service_updates_total",
	 "UPDATEs with metrics that were sent.", COUNTER, LEVEL_SERVICE,
	 "updates"},
	{"dyncast_service_updates_held_back_total",
	 "Changes that had to wait for the interval.", COUNTER, LEVEL_SERVICE,
	 "heldBack"},
	{"dyncast_service_attribute_bytes",
	 "Size of the attribute that is advertised.", GAUGE, LEVEL_SERVICE,
	 "attributeBytes"},
	{"dyncast_service_instances_left_out",
	 "Instances that do not fit into the attribute.", GAUGE, LEVEL_SERVICE,
	 "leftOut"},

	/* candidates, local and learnt */
	{"dyncast_candidate_down", "Whether its site says that it is down.",
	 GAUGE, LEVEL_CANDIDATE, "down"},
	{"dyncast_candidate_drained",
	 "Whether its site wants no new flows on it.", GAUGE, LEVEL_CANDIDATE,
	 "drain"},
	{"dyncast_candidate_capacity",
	 "Capacity, relative to others of its service.", GAUGE, LEVEL_CANDIDATE,
	 "capacity"},
	{"dyncast_candidate_wanted_ratio",
	 "The part of itself that its site wants used, where not all.", GAUGE,
	 LEVEL_CANDIDATE, "wantedPercent", 1e-2},
	{"dyncast_candidate_utilisation_ratio", "How busy it is, 0 to 1.",
	 GAUGE, LEVEL_CANDIDATE, "utilisation", 1e-2},
	{"dyncast_candidate_requests_in_flight",
	 "Requests that it serves or that wait there.", GAUGE, LEVEL_CANDIDATE,
	 "inFlight"},
	{"dyncast_candidate_delay_seconds", "Predicted service delay.", GAUGE,
	 LEVEL_CANDIDATE, "delayUs", US},
	{"dyncast_candidate_score", "Its score, 0 to 10, higher is better.",
	 GAUGE, LEVEL_CANDIDATE, "score"},
	{"dyncast_candidate_rate_per_second",
	 "Requests per second that it can serve, as its site has learnt.",
	 GAUGE, LEVEL_CANDIDATE, "ratePerSecond"},
	{"dyncast_candidate_metrics_age_seconds", "Age of its metrics.", GAUGE,
	 LEVEL_CANDIDATE, "ageMs", MS},

	/* instances of this site */
	{"dyncast_local_instance_advertised",
	 "Whether other routers are told of it.", GAUGE, LEVEL_LOCAL,
	 "advertised"},
	{"dyncast_local_instance_down", "Whether others are told it is down.",
	 GAUGE, LEVEL_LOCAL, "down"},
	{"dyncast_local_instance_reports_total",
	 "Reports that agents sent about it.", COUNTER, LEVEL_LOCAL, "reports"},

	/* the kernel side */
	{"dyncast_forwarding_active", "Whether the kernel steers.", GAUGE,
	 LEVEL_FORWARDING, "kernel.active"},
	{"dyncast_forwarding_bgpd_up", "Whether bgpd_dyncast answers zebra.",
	 GAUGE, LEVEL_FORWARDING, "bgpd.alive"},
	{"dyncast_forwarding_flow_table_size",
	 "Flows of each family that are remembered at most.", GAUGE,
	 LEVEL_FORWARDING, "kernel.flowTableSize"},
	MEMORY("flowTableBytes", "flows"),
	MEMORY("slotsBytes", "slots"),
	MEMORY("instancesBytes", "instances"),
	TOTAL("packets", "packetsSteered", "Packets that were placed."),
	TOTAL("bytes", "bytesSteered", "Bytes of packets that were placed."),
	TOTAL("flow_hits", "flowHits", "Packets of flows with an entry."),
	TOTAL("flow_stateless", "flowStateless", "Packets that need no entry."),
	TOTAL("flows_new", "flowNew", "Flows that got an entry."),
	TOTAL("flows_repinned", "flowRepinned",
	      "Flows that were moved because their instance had gone."),
	TOTAL("flows_refused", "flowRefused",
	      "Flows that got no entry: the table is full."),
	TOTAL("flows_limited", "flowLimited",
	      "Flows that got no entry: too many at once."),
	TOTAL("no_instance_packets", "noInstance",
	      "Packets of services without an instance, left to the route."),
	TOTAL("too_big_packets", "tooBig",
	      "Packets too big for the tunnel, left to the route."),
	TOTAL("errors", "errors", "Packets that could not be rewritten."),
	TOTAL("unpacked_packets", "decapsulated",
	      "Packets of other sites for instances here."),
	TOTAL("unpacked_dropped_packets", "decapDropped",
	      "Packets of other sites that no instance could be given."),
	{"dyncast_ingress_attached", "Whether the interface steers.", GAUGE,
	 LEVEL_INGRESS, "attached"},
	{"dyncast_sid_installed", "Whether the SID leads to its instance.",
	 GAUGE, LEVEL_SID, "installed"},

	/* services and instances as zebra has them */
	{"dyncast_service_steered",
	 "Whether the kernel places the service's packets.", GAUGE,
	 LEVEL_FWD_SERVICE, "enabled"},
	PER_SERVICE("packets", "packets", "Packets that were placed."),
	PER_SERVICE("bytes", "bytes", "Bytes of packets that were placed."),
	PER_SERVICE("flows_new", "flowsNew", "Flows that got an entry."),
	PER_SERVICE("flows_repinned", "repinned",
		    "Flows whose instance had gone."),
	PER_SERVICE("flows_refused", "refused", "Flows that got no entry."),
	{"dyncast_instance_eligible",
	 "Whether it may get new flows, by the last decision.", GAUGE,
	 LEVEL_FWD_INSTANCE, "eligible"},
	{"dyncast_instance_share_ratio",
	 "Its part of the service's new flows, 0 to 1.", GAUGE,
	 LEVEL_FWD_INSTANCE, "slots", 1.0 / DYNCAST_RING_SLOTS},
	{"dyncast_instance_cost_seconds",
	 "Its joint cost, by the last decision.", GAUGE, LEVEL_FWD_INSTANCE,
	 "costUs", US},
	PER_INSTANCE("packets", "packets", "Packets that it was given."),
	PER_INSTANCE("bytes", "bytes", "Bytes that it was given."),
	PER_INSTANCE("flows_new", "flowsNew", "Flows that got an entry."),
	PER_INSTANCE("flows_repinned", "repinned",
		     "Flows that came when their instance had gone."),
	PER_INSTANCE("flows_refused", "refused", "Flows that got no entry."),
};

#endif /* DYNCAST_EXPORTER_METRICS_TABLE_H */
