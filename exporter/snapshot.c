// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks bgpd and zebra what they know, by their vty sockets and their show
 * commands: what an operator sees is what is exported, the daemons need no
 * code for it, and one that hangs costs a bounded time.
 *
 * One answer is parsed at a time: of thousands of services it takes hundreds of
 * megabytes.  A daemon's longest comes last, so that what is done with it is
 * no part of that time.
 *
 * Runs in the HTTP library's one thread, or in main's for --once.  Answers are
 * limited in size and depth and must be JSON in UTF-8.
 */

#include "snapshot.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/log.h"
#include "lib/vty_client.h"

#define ANSWER_SIZE_MAX (128u << 20)
#define ANSWER_DEPTH_MAX 16

static const struct {
	enum dyncast_daemon daemon;
	const char *command;
} questions[DYNCAST_ANSWER_MAX] = {
	[DYNCAST_ANSWER_BGP] = {DYNCAST_DAEMON_BGPD, "show dyncast bgp json"},
	[DYNCAST_ANSWER_INSTANCE] = {DYNCAST_DAEMON_BGPD,
				     "show dyncast instance local json"},
	[DYNCAST_ANSWER_SERVICE] = {DYNCAST_DAEMON_BGPD,
				    "show dyncast service json"},
	[DYNCAST_ANSWER_FORWARDING] = {DYNCAST_DAEMON_ZEBRA,
				       "show dyncast forwarding json"},
};

/* of the last snapshot, so that a problem is logged when it begins and ends */
static const char *problems[DYNCAST_DAEMON_MAX];

const char *dyncast_daemon_name(enum dyncast_daemon daemon)
{
	return daemon == DYNCAST_DAEMON_BGPD ? "bgpd" : "zebra";
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* NULL when it is no object, whole and by itself */
static json_object *parse(const char *text)
{
	json_tokener *tokener = json_tokener_new_ex(ANSWER_DEPTH_MAX);
	json_object *json;
	size_t len = strlen(text);

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	json = len < INT_MAX
		       ? json_tokener_parse_ex(tokener, text, (int)len + 1)
		       : NULL;
	json_tokener_free(tokener);
	if (json_object_is_type(json, json_type_object))
		return json;
	json_object_put(json);
	return NULL;
}

/* "" or why there is no answer */
static const char *ask(struct dyncast_vty *vty, enum dyncast_answer which,
		       json_object **json)
{
	enum dyncast_vty_result result;
	char *text;

	result = dyncast_vty_ask(vty, questions[which].command, &text);
	if (result != DYNCAST_VTY_OK)
		return dyncast_vty_result_str(result);
	*json = parse(text);
	free(text);
	return *json ? "" : "its answer is no JSON object";
}

static const char *ask_all(enum dyncast_daemon daemon, const char *dir,
			   unsigned int timeout_ms, dyncast_answer_cb take,
			   void *arg, double *seconds)
{
	const char *problem = "";
	double began = now();
	enum dyncast_vty_result result;
	struct dyncast_vty vty;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.vty", dir,
		 dyncast_daemon_name(daemon));
	result = dyncast_vty_open(&vty, path, timeout_ms, ANSWER_SIZE_MAX);
	*seconds = now() - began;
	if (result != DYNCAST_VTY_OK)
		return dyncast_vty_result_str(result);
	for (int i = 0; i < DYNCAST_ANSWER_MAX && !problem[0]; i++) {
		json_object *answer = NULL;

		if (questions[i].daemon != daemon)
			continue;
		problem = ask(&vty, i, &answer);
		*seconds = now() - began;
		if (answer)
			take(arg, i, answer);
		json_object_put(answer);
	}
	dyncast_vty_close(&vty);
	return problem;
}

static void note(enum dyncast_daemon daemon, const char *problem)
{
	const char *name = dyncast_daemon_name(daemon);

	/* sentences of our own: equal ones are mostly one, and comparing costs
	 * nothing */
	if (problems[daemon] ? strcmp(problems[daemon], problem) == 0
			     : !problem[0])
		return;
	if (problem[0])
		dyncast_log(DYNCAST_LOG_WARNING, "nothing from %s: %s", name,
			    problem);
	else
		dyncast_log(DYNCAST_LOG_NOTICE, "%s answers", name);
	problems[daemon] = problem;
}

void dyncast_snapshot_take(struct dyncast_snapshot *snapshot, const char *dir,
			   unsigned int timeout_ms, dyncast_answer_cb take,
			   void *arg)
{
	memset(snapshot, 0, sizeof(*snapshot));
	for (int i = 0; i < DYNCAST_DAEMON_MAX; i++) {
		const char *problem = ask_all(i, dir, timeout_ms, take, arg,
					      &snapshot->seconds[i]);

		snapshot->up[i] = !problem[0];
		note(i, problem);
	}
}
