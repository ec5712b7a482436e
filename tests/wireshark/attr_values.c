// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lib/attr_decode.c makes of attributes, for test_dissector.py, which
 * compares it with what Wireshark shows.  Reads one attribute value in hex from
 * each line of stdin and prints one JSON object for each.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/attr.h"

#define LINE_MAX_SIZE (2 * 65536 + 2)

static size_t from_hex(const char *line, uint8_t *out)
{
	size_t n = 0;
	unsigned int byte;

	while (sscanf(line + 2 * n, "%2x", &byte) == 1)
		out[n++] = byte;
	return n;
}

static void print(const struct dyncast_attr *attr,
		  enum dyncast_attr_result result)
{
	char dbid[DYNCAST_ADDR_STRLEN];

	printf("{\"result\":\"%s\",\"site\":%u,\"instances\":[",
	       dyncast_attr_result_str(result), attr->site.has);
	for (unsigned int i = 0; i < attr->n_instances; i++) {
		const struct dyncast_instance *in = &attr->instances[i];
		const struct dyncast_metrics *m = &in->metrics;

		printf("%s[\"%s\",\"%s\",%u,%u,%u,%u,%u,%u]", i ? "," : "",
		       dyncast_addr_str(&in->dbid, dbid, sizeof(dbid)),
		       in->name, in->kind, m->age_ms / 100, m->capacity,
		       m->utilisation, m->delay_us, m->rate);
	}
	puts("]}");
}

int main(void)
{
	char *line = malloc(LINE_MAX_SIZE);
	uint8_t *value = malloc(LINE_MAX_SIZE / 2);
	struct dyncast_attr attr;

	if (!line || !value)
		return EXIT_FAILURE;
	while (fgets(line, LINE_MAX_SIZE, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		size_t len = from_hex(line, value);
		enum dyncast_attr_result result =
			dyncast_attr_decode(value, len, &attr);

		print(&attr, result);
	}
	free(value);
	free(line);
	return EXIT_SUCCESS;
}
