// SPDX-License-Identifier: GPL-2.0-or-later
/* See notifications.h. */

#include <zebra.h>

#include "lib/json.h"
#include "lib/memory.h"
#include "lib/vty.h"

#include "notifications.h"

DEFINE_MGROUP(DYNCAST_YANG, "Dyncast northbound");
DEFINE_MTYPE_STATIC(DYNCAST_YANG, DYNCAST_NOTIFICATION,
		    "Dyncast notification's leaf");

#define LEAVES_MAX 6
#define TIME_SIZE sizeof("2026-01-01T00:00:00Z")

struct notification {
	time_t time;
	const char *name; /* a literal */
	unsigned int n;
	struct {
		const char *name; /* a literal */
		char *value;
	} leaf[LEAVES_MAX];
};

/* number N is at N modulo their number */
static struct notification kept[DYNCAST_NOTIFICATIONS_MAX];
static uint64_t last;

static void forget(struct notification *n)
{
	for (unsigned int i = 0; i < n->n; i++)
		XFREE(MTYPE_DYNCAST_NOTIFICATION, n->leaf[i].value);
	memset(n, 0, sizeof(*n));
}

void dyncast_notifications_note(const char *name, va_list leaves)
{
	struct notification *n = &kept[++last % DYNCAST_NOTIFICATIONS_MAX];
	const char *leaf, *value;

	forget(n);
	n->time = time(NULL);
	n->name = name;
	while ((leaf = va_arg(leaves, const char *))) {
		value = va_arg(leaves, const char *);
		if (!value || n->n == LEAVES_MAX)
			continue;
		n->leaf[n->n].name = leaf;
		n->leaf[n->n++].value =
			XSTRDUP(MTYPE_DYNCAST_NOTIFICATION, value);
	}
}

static const char *time_str(const struct notification *n, char *buf)
{
	struct tm tm;

	gmtime_r(&n->time, &tm);
	strftime(buf, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

static json_object *json_of(const struct notification *n, uint64_t number)
{
	json_object *json = json_object_new_object();
	json_object *leaves = json_object_new_object();
	char when[TIME_SIZE];

	json_object_int_add(json, "number", number);
	json_object_string_add(json, "time", time_str(n, when));
	json_object_string_add(json, "name", n->name);
	for (unsigned int i = 0; i < n->n; i++)
		json_object_string_add(leaves, n->leaf[i].name,
				       n->leaf[i].value);
	json_object_object_add(json, "leaves", leaves);
	return json;
}

static void text_of(struct vty *vty, const struct notification *n)
{
	char when[TIME_SIZE];

	vty_out(vty, "%s %s", time_str(n, when), n->name);
	for (unsigned int i = 0; i < n->n; i++)
		if (n->leaf[i].value[0])
			vty_out(vty, " %s %s", n->leaf[i].name,
				n->leaf[i].value);
	vty_out(vty, "\n");
}

int dyncast_notifications_show(struct vty *vty, uint64_t since, bool json)
{
	uint64_t oldest = last > DYNCAST_NOTIFICATIONS_MAX
				  ? last - DYNCAST_NOTIFICATIONS_MAX + 1
				  : 1;
	json_object *all = json ? json_object_new_array() : NULL, *answer;
	const struct notification *n;

	for (uint64_t i = MAX(oldest, since + 1); i <= last; i++) {
		n = &kept[i % DYNCAST_NOTIFICATIONS_MAX];
		if (json)
			json_object_array_add(all, json_of(n, i));
		else
			text_of(vty, n);
	}
	if (!json)
		return CMD_SUCCESS;
	answer = json_object_new_object();
	/* numbers of another process are not to be compared with these */
	json_object_int_add(answer, "pid", getpid());
	json_object_int_add(answer, "last", last);
	json_object_object_add(answer, "notifications", all);
	return vty_json(vty, answer);
}

void dyncast_notifications_fini(void)
{
	for (unsigned int i = 0; i < DYNCAST_NOTIFICATIONS_MAX; i++)
		forget(&kept[i]);
	last = 0;
}
