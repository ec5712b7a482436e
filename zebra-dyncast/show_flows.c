/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `show dyncast flows` and `clear dyncast flows`: a million flows must not hold
 * up zebra's event loop, nor fill its memory with text, so both go step by step
 * (vty_stream.c).
 *
 * Services and instances come and go between steps: they are named by text
 * and looked up in each.  Main thread.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/json.h"

#include "compat.h"
#include "dataplane.h"
#include "module.h"
#include "service.h"
#include "show.h"
#include "vty_stream.h"
#include "../lib/addr.h"

#ifndef VTYSH_EXTRACT_PL
#include "zebra-dyncast/show_flows_clippy.c"
#endif

DEFINE_MTYPE_STATIC(DYNCAST_ZEBRA, DYNCAST_LISTING, "Dyncast flow listing");

#define DYNCAST_STR "Compute-aware anycast\n"

/* flows of one step: a fraction of a millisecond each */
#define SHOW_BATCH 512
#define CLEAR_BATCH 1024
#define CLEAR_RINGS 256
/* longest line of text or JSON */
#define LINE_LONGEST 1024
/* instances that a step remembers; a power of two */
#define KNOWN 64

/* what is shown of an instance, within one step */
struct known {
	uint32_t id; /* 0: unused */
	bool wanted;
	char name[DYNCAST_ADDR_STRLEN];
	char json[6 * DYNCAST_ADDR_STRLEN]; /* escaped, in quotes */
};

struct listing {
	struct dyncast_dp_walk *walk;
	char *service; /* as the user wrote them, or NULL */
	char *instance;
	struct dyncast_addr dbid; /* the instance is named by it */
	bool json;
	bool begun;
	uint32_t count;
	unsigned int cleared;
	unsigned int rings; /* whose memory is cleared */

	/* of the present step */
	struct dyncast_stream *stream;
	const struct dyncast_service *only;
	struct known known[KNOWN];
	char text[SHOW_BATCH * 128];
	size_t used;
};

static struct listing *listing_new(const char *service, const char *instance)
{
	struct listing *list = XCALLOC(MTYPE_DYNCAST_LISTING, sizeof(*list));

	if (service)
		list->service = XSTRDUP(MTYPE_DYNCAST_LISTING, service);
	if (instance) {
		list->instance = XSTRDUP(MTYPE_DYNCAST_LISTING, instance);
		dyncast_addr_parse(instance, &list->dbid);
	}
	return list;
}

static void listing_free(void *arg)
{
	struct listing *list = arg;

	dyncast_dp_flow_walk_end(&list->walk);
	XFREE(MTYPE_DYNCAST_LISTING, list->service);
	XFREE(MTYPE_DYNCAST_LISTING, list->instance);
	XFREE(MTYPE_DYNCAST_LISTING, list);
}

/* ---- whose flows ------------------------------------------------------- */

static bool is_named(const struct dyncast_backend *b, const char *name,
		     const struct dyncast_addr *dbid)
{
	return strcmp(b->data.instance.name, name) == 0 ||
	       (dbid->family &&
		dyncast_addr_cmp(&b->data.instance.dbid, dbid) == 0);
}

/* an instance of that name, of that service or any */
static bool instance_exists(const struct dyncast_service *only,
			    const char *name)
{
	const struct dyncast_service *s;
	const struct dyncast_backend *b;
	struct dyncast_addr dbid = {};

	dyncast_addr_parse(name, &dbid);
	frr_each (dyncast_services_const, &dyncast_services, s) {
		if (only && s != only)
			continue;
		frr_each (dyncast_backends_const, &s->backends, b)
			if (is_named(b, name, &dbid))
				return true;
	}
	return false;
}

/* false, and why, when something is named that is not there */
static bool names_exist(const char *service, const char *instance, char *error,
			size_t size)
{
	const struct dyncast_service *s = NULL;

	if (service) {
		s = dyncast_service_find_text(service);
		if (!s) {
			snprintf(error, size, "no service %s", service);
			return false;
		}
	}
	if (instance && !instance_exists(s, instance)) {
		snprintf(error, size, "no instance %s%s%s", instance,
			 service ? " of service " : "", service ? service : "");
		return false;
	}
	return true;
}

static bool check_names(struct vty *vty, const char *service,
			const char *instance)
{
	char error[128];

	if (names_exist(service, instance, error, sizeof(error)))
		return true;
	vty_out(vty, "%% %s\n", error);
	return false;
}

static void json_escape(char *to, size_t size, const char *from)
{
	json_object *json = json_object_new_string(from);

	strlcpy(to, json_object_to_json_string(json), size);
	json_object_free(json);
}

/* what is known of an instance; the same for all of its flows */
static const struct known *known(struct listing *list, uint32_t id)
{
	struct known *k = &list->known[id % KNOWN];
	const struct dyncast_backend *b;
	char buf[DYNCAST_ADDR_STRLEN];

	if (k->id == id)
		return k;
	b = dyncast_backend_by_id(id);
	k->id = id;
	k->wanted = !list->instance ||
		    (b && is_named(b, list->instance, &list->dbid));
	strlcpy(k->name,
		!b ? "-"
		: b->data.instance.name[0]
			? b->data.instance.name
			: dyncast_addr_str(&b->data.instance.dbid, buf,
					   sizeof(buf)),
		sizeof(k->name));
	json_escape(k->json, sizeof(k->json), k->name);
	return k;
}

/* by its own service, not by prefix: prefixes may lie in one another */
static const struct known *wanted(struct listing *list,
				  const struct dyncast_dp_flow *flow)
{
	const struct known *k;

	if (list->only && flow->service != list->only->dp_index)
		return NULL;
	k = known(list, flow->instance);
	return k->wanted ? k : NULL;
}

/* ---- show --------------------------------------------------------------- */

/* Lines are put together by hand: printf() would take longer than reading the
 * table does.  All append to list->text, where LINE_LONGEST is left. */

static void put(struct listing *list, const char *text, size_t size)
{
	memcpy(list->text + list->used, text, size);
	list->used += size;
}

static void put_str(struct listing *list, const char *text)
{
	put(list, text, strlen(text));
}

static void put_pad(struct listing *list, size_t has, size_t width)
{
	for (; has < width; has++)
		list->text[list->used++] = ' ';
}

static size_t uint_str(char to[10], uint32_t n)
{
	char digits[10];
	size_t size = 0;

	do
		digits[size++] = '0' + n % 10;
	while (n /= 10);
	for (size_t i = 0; i < size; i++)
		to[i] = digits[size - 1 - i];
	return size;
}

static void put_uint(struct listing *list, uint32_t n)
{
	list->used += uint_str(list->text + list->used, n);
}

static size_t addr_str(char to[DYNCAST_ADDR_STRLEN],
		       const struct dyncast_addr *addr)
{
	size_t size = 0;

	if (addr->family != AF_INET) {
		dyncast_addr_str(addr, to, DYNCAST_ADDR_STRLEN);
		return strlen(to);
	}
	for (int i = 0; i < 4; i++) {
		if (i)
			to[size++] = '.';
		size += uint_str(to + size, addr->bytes[i]);
	}
	return size;
}

static void put_addr(struct listing *list, const struct dyncast_addr *addr)
{
	list->used += addr_str(list->text + list->used, addr);
}

static void put_proto(struct listing *list, uint8_t proto)
{
	if (proto == IPPROTO_TCP)
		put_str(list, "tcp");
	else if (proto == IPPROTO_UDP)
		put_str(list, "udp");
	else
		put_uint(list, proto);
}

/* to the right and to the left in so many columns */
static void put_uint_right(struct listing *list, uint32_t n, size_t width)
{
	char digits[10];
	size_t size = uint_str(digits, n);

	put_pad(list, size, width);
	put(list, digits, size);
}

static void put_end(struct listing *list, const struct dyncast_addr *addr,
		    uint16_t port)
{
	char text[DYNCAST_ADDR_STRLEN];
	size_t size = addr_str(text, addr), before;

	put_pad(list, size, 15);
	put(list, text, size);
	put_str(list, ":");
	before = list->used;
	put_uint(list, port);
	put_pad(list, list->used - before, 5);
	put_str(list, " ");
}

static void text_flow(struct listing *list, const struct dyncast_dp_flow *flow,
		      const struct known *k)
{
	size_t before = list->used;

	put_proto(list, flow->proto);
	put_pad(list, list->used - before, 5);
	put_end(list, &flow->src, flow->sport);
	put_end(list, &flow->dst, flow->dport);
	put_str(list, k->name);
	put_pad(list, strlen(k->name), 15);
	put_uint_right(list, flow->age_s, 5);
	put_uint_right(list, flow->idle_s, 6);
	put_str(list, flow->valid ? "\n" : " void\n");
}

static void json_flow(struct listing *list, const struct dyncast_dp_flow *flow,
		      const struct known *k)
{
	put_str(list,
		list->count > 1 ? ",{\"protocol\":\"" : "{\"protocol\":\"");
	put_proto(list, flow->proto);
	put_str(list, "\",\"source\":\"");
	put_addr(list, &flow->src);
	put_str(list, "\",\"sourcePort\":");
	put_uint(list, flow->sport);
	put_str(list, ",\"destination\":\"");
	put_addr(list, &flow->dst);
	put_str(list, "\",\"destinationPort\":");
	put_uint(list, flow->dport);
	put_str(list, ",\"tableId\":");
	put_uint(list, flow->table_id);
	put_str(list, ",\"instance\":");
	put_str(list, k->json);
	put_str(list, ",\"instanceId\":");
	put_uint(list, flow->instance);
	put_str(list, flow->valid ? ",\"valid\":true" : ",\"valid\":false");
	put_str(list, ",\"ageSeconds\":");
	put_uint(list, flow->age_s);
	put_str(list, ",\"idleSeconds\":");
	put_uint(list, flow->idle_s);
	put_str(list, "}");
}

static void flush(struct listing *list)
{
	dyncast_stream_put(list->stream, list->text, list->used);
	list->used = 0;
}

static void show_flow(const struct dyncast_dp_flow *flow, void *arg)
{
	struct listing *list = arg;
	const struct known *k = wanted(list, flow);

	if (!k)
		return;
	list->count++;
	if (list->used + LINE_LONGEST > sizeof(list->text))
		flush(list);
	if (list->json)
		json_flow(list, flow, k);
	else
		text_flow(list, flow, k);
}

static void show_head(struct listing *list)
{
	if (list->json)
		dyncast_stream_printf(list->stream, "{\"flows\":[");
	else
		dyncast_stream_printf(
			list->stream, "%-4s %21s %21s %-14s %5s %5s\n", "",
			"client", "service", "instance", "age", "idle");
}

static void show_tail(struct listing *list, bool more)
{
	unsigned int took = dyncast_stream_elapsed_ms(list->stream);
	unsigned int longest = dyncast_stream_longest_us(list->stream);

	DYNCAST_DEBUG("%u flows listed in %u ms, at most %u us at a time",
		      list->count, took, longest);
	if (!list->json)
		dyncast_stream_printf(
			list->stream, "%u flow(s)%s\n", list->count,
			more ? " shown, there are more: vtysh lists them all"
			     : "");
	else
		dyncast_stream_printf(
			list->stream,
			"],\"count\":%u,\"more\":%s,\"durationMs\":%u,\"longestStepUs\":%u,\"longestStepCpuUs\":%u}\n",
			list->count, more ? "true" : "false", took, longest,
			dyncast_stream_longest_cpu_us(list->stream));
}

/* what is named may be gone since the last step */
static bool step_begin(struct listing *list, struct dyncast_stream *stream)
{
	list->stream = stream;
	memset(list->known, 0, sizeof(list->known));
	list->only =
		list->service ? dyncast_service_find_text(list->service) : NULL;
	return !list->service || (list->only && list->only->dp_index >= 0);
}

static bool show_step(struct dyncast_stream *stream, void *arg)
{
	struct listing *list = arg;
	bool there = step_begin(list, stream), more = false;

	if (!list->begun)
		show_head(list);
	list->begun = true;
	if (there && !dyncast_stream_cut(stream))
		more = dyncast_dp_flow_walk(&list->walk, SHOW_BATCH, show_flow,
					    list);
	flush(list);
	if (!more)
		show_tail(list, dyncast_stream_cut(stream));
	return more;
}

DEFPY(show_dyncast_flows, show_dyncast_flows_cmd,
      "show dyncast flows [service WORD$service] [instance WORD$instance] [json$uj]",
      SHOW_STR DYNCAST_STR
      "Pinned flows\n"
      "Of one service\n"
      "Service, by name or prefix\n"
      "Of one instance\n"
      "Instance, by name or D-BID\n" JSON_STR)
{
	struct listing *list;

	if (!check_names(vty, service, instance))
		return CMD_WARNING;
	list = listing_new(service, instance);
	list->json = uj;
	return dyncast_stream_start(vty, show_step, listing_free, list);
}

/* ---- clear -------------------------------------------------------------- */

static bool clear_wanted(const struct dyncast_dp_flow *flow, void *arg)
{
	return wanted(arg, flow) != NULL;
}

/* flows without an entry are known by their slots' memory alone */
static void clear_memory_of(const struct listing *list)
{
	const struct dyncast_service *s;
	const struct dyncast_backend *b;

	frr_each (dyncast_services_const, &dyncast_services, s) {
		if (list->only && s != list->only)
			continue;
		frr_each (dyncast_backends_const, &s->backends, b)
			if (b->id && is_named(b, list->instance, &list->dbid))
				dyncast_dp_ring_forget(s->dp_index, b->id);
	}
}

/* some rings; true while there are more */
static bool clear_memory(struct listing *list)
{
	unsigned int end = list->rings + CLEAR_RINGS;

	if (list->instance) {
		if (!list->rings)
			clear_memory_of(list);
		list->rings = dyncast_dp_services_max();
	} else if (list->only) {
		dyncast_dp_ring_clear(list->only->dp_index);
		list->rings = dyncast_dp_services_max();
	}
	for (; list->rings < end && list->rings < dyncast_dp_services_max();
	     list->rings++)
		dyncast_dp_ring_clear(list->rings);
	return list->rings < dyncast_dp_services_max();
}

static bool clear_step(struct dyncast_stream *stream, void *arg)
{
	struct listing *list = arg;
	bool there = step_begin(list, stream), more = false;

	if (there && list->rings < dyncast_dp_services_max())
		more = clear_memory(list);
	if (there && !more && !dyncast_stream_cut(stream))
		more = dyncast_dp_flow_clear_walk(&list->walk, CLEAR_BATCH,
						  clear_wanted, list,
						  &list->cleared);
	if (more)
		return true;
	DYNCAST_DEBUG("%u flows cleared in %u ms, at most %u us at a time",
		      list->cleared, dyncast_stream_elapsed_ms(stream),
		      dyncast_stream_longest_us(stream));
	dyncast_stream_printf(
		stream, "%u flow(s) cleared%s\n", list->cleared,
		dyncast_stream_cut(stream)
			? ", there are more: vtysh clears them all"
			: "");
	return false;
}

bool dyncast_flows_clear(const char *service, const char *instance, char *error,
			 size_t size)
{
	if (!names_exist(service, instance, error, size))
		return false;
	if (dyncast_stream_start_silent(clear_step, listing_free,
					listing_new(service, instance)))
		return true;
	snprintf(error, size, "too much is going on: try again");
	return false;
}

DEFPY(clear_dyncast_flows, clear_dyncast_flows_cmd,
      "clear dyncast flows [service WORD$service] [instance WORD$instance]",
      CLEAR_STR DYNCAST_STR
      "Forget pinned flows: their next packets choose an instance anew\n"
      "Of one service\n"
      "Service, by name or prefix\n"
      "Of one instance\n"
      "Instance, by name or D-BID\n")
{
	if (!check_names(vty, service, instance))
		return CMD_WARNING;
	return dyncast_stream_start(vty, clear_step, listing_free,
				    listing_new(service, instance));
}

void dyncast_show_flows_fini(void)
{
	dyncast_stream_fini();
}

void dyncast_show_flows_init(void)
{
	install_element(VIEW_NODE, &show_dyncast_flows_cmd);
	install_element(ENABLE_NODE, &clear_dyncast_flows_cmd);
	dyncast_show_flow_init();
}
