// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer target of the agent's lines, which any program that may open the
 * socket can send.
 *
 * Promises: a refused line leaves zeros and a phrase that can be sent back;
 * an accepted one can be written, and the written one parses to the same.  The
 * quick parser accepts nothing that json-c does not, and finds the same.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/agent_quick.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dyncast_agent_report zero;
	struct dyncast_agent_report report;
	struct dyncast_agent_report again;
	char line[DYNCAST_AGENT_LINE_MAX];
	const char *error;
	size_t len;

	if (size && size <= DYNCAST_AGENT_LINE_MAX &&
	    dyncast_agent_quick_parse((const char *)data, size, &report)) {
		check(!dyncast_agent_json_parse((const char *)data, size,
						&again));
		check(!memcmp(&report, &again, sizeof(report)));
	}
	error = dyncast_agent_line_parse(size ? (const char *)data : "", size,
					 &report);
	if (error) {
		check(!memcmp(&report, &zero, sizeof(report)));
		len = dyncast_agent_error_format(error, size, line,
						 sizeof(line));
		check(len && line[len - 1] == '\n');
		return 0;
	}
	len = dyncast_agent_line_format(&report, line, sizeof(line));
	check(len && line[len - 1] == '\n');
	check(!memchr(line, '\n', len - 1));
	check(!dyncast_agent_line_parse(line, len - 1, &again));
	check(!memcmp(&report, &again, sizeof(report)));
	return 0;
}
