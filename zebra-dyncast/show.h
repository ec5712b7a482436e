/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files with show commands share.
 */

#ifndef DYNCAST_ZEBRA_SHOW_H
#define DYNCAST_ZEBRA_SHOW_H

#include "lib/json.h"
#include "lib/vty.h"

#include "dataplane.h"
#include "vty_stream.h"

/* says that there is no such service */
void dyncast_show_unknown_service(struct vty *vty, const char *text);
void dyncast_show_history_init(void);
void dyncast_show_forwarding_init(void);

/* The kernel side's state, with the reason why it is not active, also while it
 * starts or when it was cleared: zero at first, complete when a step returns
 * false.  A step takes about a millisecond. */
struct dyncast_show_status {
	struct dyncast_dp_status dp;
	uint32_t next;
};
bool dyncast_show_status_step(struct dyncast_show_status *status);

/* show.c: why a candidate has its weight, or none */
struct dyncast_backend;
const char *dyncast_show_reason(const struct dyncast_backend *b);

/* show_flows.c: begin to forget flows; false, and why, when something is named
 * that is not there */
bool dyncast_flows_clear(const char *service, const char *instance, char *error,
			 size_t size);

/* the head of `show dyncast forwarding`, see show_status.c */
void dyncast_show_head_text(struct dyncast_stream *out,
			    const struct dyncast_show_status *status);
json_object *dyncast_show_head_json(const struct dyncast_show_status *status);

/* writes and frees json; an open object has no closing brace, so that members
 * can follow */
void dyncast_show_json(struct dyncast_stream *out, json_object *json,
		       bool open);

#endif /* DYNCAST_ZEBRA_SHOW_H */
