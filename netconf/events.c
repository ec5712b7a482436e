// SPDX-License-Identifier: GPL-2.0-or-later
/* See events.h. */

#include "yuma.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "events.h"
#include "frr.h"

/* of each daemon: the last one that was handed on, and the process's id;
 * 0: not asked yet */
static struct {
	int64_t last;
	int64_t pid;
} known[DYNCAST_OWNERS];

static int64_t number_of(json_object *json, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(json, key, &value)
		       ? json_object_get_int64(value)
		       : 0;
}

/* a leaf that the model does not have is left out */
static void payload_add(agt_not_msg_t *message, obj_template_t *event,
			const char *name, const char *text)
{
	obj_template_t *leaf =
		obj_find_child(event, DYNCAST_MODEL, (const xmlChar *)name);
	status_t res;
	val_value_t *val;

	if (!leaf)
		return;
	val = val_make_simval_obj(leaf, (const xmlChar *)text, &res);
	if (val && res == NO_ERR)
		agt_not_add_to_payload(message, val);
	else if (val)
		val_free_value(val);
}

static void hand_on(json_object *notification)
{
	ncx_module_t *model = ncx_find_module(DYNCAST_MODEL, NULL);
	json_object *name, *leaves;
	obj_template_t *event;
	agt_not_msg_t *message;

	if (!model || !json_object_object_get_ex(notification, "name", &name) ||
	    !json_object_object_get_ex(notification, "leaves", &leaves) ||
	    !json_object_is_type(leaves, json_type_object))
		return;
	event = ncx_find_object(model,
				(const xmlChar *)json_object_get_string(name));
	message = event && event->objtype == OBJ_TYP_NOTIF
			  ? agt_not_new_notification(event)
			  : NULL;
	if (!message)
		return;
	json_object_object_foreach(leaves, key, value)
		payload_add(message, event, key, json_object_get_string(value));
	agt_not_queue_notification(message);
}

static void poll_one(int which)
{
	int64_t since = known[which].last, pid;
	json_object *answer, *all;

	answer = dyncast_frr_notifications(&dyncast_owners[which], since);
	if (!answer)
		return;
	pid = number_of(answer, "pid");
	/* numbers begin anew with the daemon: what it has said is all new */
	if (pid != known[which].pid && known[which].pid && since) {
		json_object_put(answer);
		known[which].last = 0;
		answer = dyncast_frr_notifications(&dyncast_owners[which], 0);
		if (!answer)
			return;
		pid = number_of(answer, "pid");
	}
	if (known[which].pid &&
	    json_object_object_get_ex(answer, "notifications", &all))
		for (size_t i = 0; i < json_object_array_length(all); i++)
			hand_on(json_object_array_get_idx(all, i));
	known[which].pid = pid;
	known[which].last = number_of(answer, "last");
	json_object_put(answer);
}

void dyncast_events_poll(void)
{
	for (int i = 0; i < DYNCAST_OWNERS; i++)
		poll_one(i);
}
