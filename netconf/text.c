// SPDX-License-Identifier: GPL-2.0-or-later
/* See text.h. */

#include "text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr.h"

static void escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void write_below(FILE *out, val_value_t *val)
{
	val_value_t *child;
	xmlChar *text;

	for (child = val_get_first_child(val); child;
	     child = val_get_next_child(child)) {
		if (!obj_get_config_flag(child->obj) ||
		    val_set_by_default(child) || VAL_IS_DELETED(child))
			continue;
		fprintf(out, "<%s>", (const char *)child->name);
		if (typ_is_simple(child->btyp)) {
			text = val_make_sprintf_string(child);
			if (text)
				escape(out, (const char *)text);
			free(text);
		} else {
			write_below(out, child);
		}
		fprintf(out, "</%s>", (const char *)child->name);
	}
}

char *dyncast_text_write(const char *container, val_value_t *val)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "<%s xmlns=\"" DYNCAST_NS "\">", container);
	if (val)
		write_below(out, val);
	fprintf(out, "</%s>", container);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

val_value_t *dyncast_text_read(const char *xml, obj_template_t *obj)
{
	val_value_t *val = NULL;
	FILE *in = fmemopen((void *)xml, strlen(xml), "r");
	status_t res;

	if (!in)
		return NULL;
	res = xml_rd_open_file(in, obj, &val);
	fclose(in);
	if (res == NO_ERR)
		return val;
	log_error("\nfrr-dyncast: FRR's XML is refused: %s",
		  get_error_string(res));
	if (val)
		val_free_value(val);
	return NULL;
}
