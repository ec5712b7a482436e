/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program of somebody else that uses our codec as it is installed ("make
 * installcheck"): an attribute there and back, and a line of an agent.
 */

#include <addr.h>
#include <agent_line.h>
#include <attr.h>
#include <attr_update.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
	static struct dyncast_attr in, out;
	const char *line =
		"{\"service\":\"video\",\"instance\":\"a1\",\"state\":\"up\"}";
	struct dyncast_agent_report report;
	uint8_t buf[DYNCAST_ATTR_SIZE_DEFAULT];
	const char *wrong;
	size_t len;

	in.site.has = DYNCAST_SITE_HAS_PREFERENCE;
	in.site.preference = 7;
	len = dyncast_attr_encode(&in, buf, sizeof(buf));
	if (!len || dyncast_attr_decode(buf, len, &out) != DYNCAST_ATTR_OK ||
	    out.site.preference != 7) {
		fprintf(stderr, "consumer: the attribute is not what it was\n");
		return 1;
	}
	wrong = dyncast_agent_line_parse(line, strlen(line), &report);
	if (wrong) {
		fprintf(stderr, "consumer: %s\n", wrong);
		return 1;
	}
	return 0;
}
