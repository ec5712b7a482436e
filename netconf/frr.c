// SPDX-License-Identifier: GPL-2.0-or-later
/* See frr.h. */

#include "frr.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/owner.h"
#include "../lib/vty_client.h"

/* thousands of services take a second or two of a daemon's time */
#define TIMEOUT_MS 20000
#define ANSWER_MAX (64 << 20)

struct dyncast_owner dyncast_owners[DYNCAST_OWNERS] = {
	{.container = "services", .daemon = "bgpd"},
	{.container = "forwarding", .daemon = "zebra"},
};

static const char *folder(const char *variable, const char *otherwise)
{
	const char *value = getenv(variable);

	return value && *value ? value : otherwise;
}

const char *dyncast_frr_rundir(void)
{
	return folder("DYNCAST_NETCONF_RUNDIR", "/run/frr-dyncast-netconf");
}

static char *ask(const char *daemon, const char *command, char *error)
{
	enum dyncast_vty_result result;
	struct dyncast_vty vty;
	char path[128], *answer;

	snprintf(path, sizeof(path), "%s/%s.vty",
		 folder("DYNCAST_VTYDIR", "/run/frr"), daemon);
	result = dyncast_vty_open(&vty, path, TIMEOUT_MS, ANSWER_MAX);
	if (result == DYNCAST_VTY_OK) {
		result = dyncast_vty_ask(&vty, "enable", &answer);
		free(answer);
		answer = NULL;
		if (result == DYNCAST_VTY_OK)
			result = dyncast_vty_ask(&vty, command, &answer);
		dyncast_vty_close(&vty);
	}
	if (result == DYNCAST_VTY_OK)
		return answer;
	snprintf(error, DYNCAST_ERROR_SIZE, "%s of FRR: %s", daemon,
		 dyncast_vty_result_str(result));
	return NULL;
}

/* who takes configuration, and lives in the same folder */
static const char *configurer(const struct dyncast_owner *owner)
{
	return dyncast_owner_held(folder("DYNCAST_VTYDIR", "/run/frr"))
		       ? "mgmtd"
		       : owner->daemon;
}

/* the element of the container, out of all that the daemon has */
static char *element(const struct dyncast_owner *owner, const char *text)
{
	char start[96], end[32], *found = NULL;
	const char *from, *to;

	snprintf(start, sizeof(start), "<%s xmlns=\"" DYNCAST_NS "\">",
		 owner->container);
	snprintf(end, sizeof(end), "\n</%s>", owner->container);
	from = strstr(text, start);
	to = from ? strstr(from, end) : NULL;
	if (to)
		found = strndup(from, to + strlen(end) - from);
	else if (asprintf(&found, "<%s xmlns=\"" DYNCAST_NS "\"/>",
			  owner->container) < 0)
		found = NULL;
	return found;
}

static char *element_of(const struct dyncast_owner *owner, const char *command,
			char *error)
{
	char *text = ask(owner->daemon, command, error), *found;

	if (!text)
		return NULL;
	found = element(owner, text);
	free(text);
	if (!found)
		snprintf(error, DYNCAST_ERROR_SIZE, "no memory");
	return found;
}

/* what the daemon complains of, without its marks and its end of line */
static bool accepted(const char *answer, char *error)
{
	const char *mark = strstr(answer, "% "), ours[] = "dyncast: ";

	if (!mark)
		return true;
	mark += strlen("% ");
	if (!strncmp(mark, ours, strlen(ours)))
		mark += strlen(ours);
	snprintf(error, DYNCAST_ERROR_SIZE, "%s", mark);
	for (size_t n = strlen(error); n && strchr("\r\n ", error[n - 1]); n--)
		error[n - 1] = '\0';
	return false;
}

bool dyncast_frr_command(const char *daemon, const char *command, char *error)
{
	char *answer = ask(daemon, command, error);
	bool ok = answer && accepted(answer, error);

	free(answer);
	return ok;
}

char *dyncast_frr_config(const struct dyncast_owner *owner, char *error)
{
	return element_of(owner, "show configuration running xml", error);
}

char *dyncast_frr_state(const struct dyncast_owner *owner, char *error)
{
	char command[96];

	snprintf(command, sizeof(command),
		 "show yang operational-data /frr-dyncast:%s format xml",
		 owner->container);
	return element_of(owner, command, error);
}

struct json_object *dyncast_frr_notifications(const struct dyncast_owner *owner,
					      int64_t since)
{
	char command[96], error[DYNCAST_ERROR_SIZE], *text;
	struct json_object *answer;

	snprintf(command, sizeof(command),
		 "show dyncast notifications %s since %" PRId64 " json",
		 owner->container, since);
	text = ask(owner->daemon, command, error);
	answer = text ? json_tokener_parse(text) : NULL;
	free(text);
	return answer;
}

/* false with a sentence in error */
static bool file_write(int fd, const char *xml, char *error)
{
	size_t len = strlen(xml);

	while (len) {
		ssize_t n = write(fd, xml, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			snprintf(error, DYNCAST_ERROR_SIZE,
				 "a document for FRR cannot be written: %s",
				 strerror(errno));
			return false;
		}
		xml += n;
		len -= (size_t)n;
	}
	return true;
}

bool dyncast_frr_load(const struct dyncast_owner *owner, const char *xml,
		      bool check, char *error)
{
	char path[128], command[256], *answer = NULL;
	bool ok;
	int fd;

	snprintf(error, DYNCAST_ERROR_SIZE, "no permission");
	snprintf(path, sizeof(path), "%s/%s-XXXXXX", dyncast_frr_rundir(),
		 owner->container);
	fd = mkstemp(path);
	if (fd < 0) {
		snprintf(error, DYNCAST_ERROR_SIZE, "%s: %s", path,
			 strerror(errno));
		return false;
	}
	snprintf(command, sizeof(command), "dyncast %s load %s%s",
		 owner->container, path, check ? " check" : "");
	/* FRR's daemons have netconfd's group */
	ok = fchmod(fd, 0640) == 0 && file_write(fd, xml, error) &&
	     (answer = ask(configurer(owner), command, error)) &&
	     accepted(answer, error);
	free(answer);
	close(fd);
	unlink(path);
	return ok;
}
