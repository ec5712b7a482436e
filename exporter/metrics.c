// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the metrics of an answer in Prometheus's text format (0.0.4).  The
 * table is in metrics_table.h; here is how it is walked: for each metric all
 * objects of its level, so that the samples of a name stand together.
 *
 * Any thread; nothing is kept.  What the daemons say is not trusted to have
 * its type: a member that is missing or strange gives no sample.
 */

#ifdef HAVE_CONFIG_H
#include "dyncast-config.h"
#endif

#include "metrics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "lib/dyncast.h"

#include "metrics_table.h"

#ifndef DYNCAST_RELEASE
#define DYNCAST_RELEASE "built by hand"
#endif

#define PARTS_MAX 4

/* an object and those around it, outermost first: the source of its labels */
struct place {
	const struct metric *metric;
	FILE *out;
	json_object *parts[PARTS_MAX];
	int n;
};

static json_object *member(json_object *object, const char *path)
{
	char name[64];

	while (json_object_is_type(object, json_type_object)) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		object = json_object_object_get(object, name);
		if (!path[len])
			return object;
		path += len + 1;
	}
	return NULL;
}

static const char *text_of(json_object *object, const char *path)
{
	json_object *found = member(object, path);

	return json_object_is_type(found, json_type_string)
		       ? json_object_get_string(found)
		       : "";
}

/* the three characters that have a meaning inside of a label */
static void write_label(FILE *out, char before, const char *name,
			const char *value)
{
	fprintf(out, "%c%s=\"", before, name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', out);
		if (*value == '\n')
			fputs("\\n", out);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void write_service_labels(FILE *out, json_object *service)
{
	json_object *id = member(service, "vrfId");
	char vrf[24] = ""; /* of a service that waits for its VRF */

	if (json_object_is_type(id, json_type_int))
		snprintf(vrf, sizeof(vrf), "%" PRId64,
			 json_object_get_int64(id));
	write_label(out, '{', "service", text_of(service, "name"));
	write_label(out, ',', "prefix", text_of(service, "prefix"));
	write_label(out, ',', "vrf", vrf);
}

/* ends without the closing brace; false when there are none */
static bool write_labels(const struct place *place)
{
	json_object *own = place->parts[place->n - 1];
	FILE *out = place->out;

	switch (place->metric->level) {
	case LEVEL_BGP:
	case LEVEL_FORWARDING:
		return false;
	case LEVEL_SERVICE:
	case LEVEL_FWD_SERVICE:
		write_service_labels(out, own);
		return true;
	case LEVEL_CANDIDATE:
	case LEVEL_FWD_INSTANCE:
		write_service_labels(out, place->parts[place->n - 2]);
		write_label(out, ',', "backend", text_of(own, "name"));
		write_label(out, ',', "dbid", text_of(own, "dbid"));
		if (place->metric->level == LEVEL_CANDIDATE)
			write_label(out, ',', "site", text_of(own, "site"));
		return true;
	case LEVEL_LOCAL:
		write_label(out, '{', "service", text_of(own, "service"));
		write_label(out, ',', "backend", text_of(own, "name"));
		return true;
	case LEVEL_INGRESS:
		write_label(out, '{', "interface", text_of(own, "interface"));
		return true;
	case LEVEL_SID:
		write_label(out, '{', "sid", text_of(own, "sid"));
		return true;
	}
	return false;
}

/* false: no sample; whole numbers stay exact */
static bool value_of(const struct place *place, char *buf, size_t size)
{
	const struct metric *metric = place->metric;
	json_object *found = member(place->parts[place->n - 1], metric->path);
	double value;

	if (metric->equals) {
		if (!json_object_is_type(found, json_type_string))
			return false;
		snprintf(
			buf, size, "%d",
			!strcmp(json_object_get_string(found), metric->equals));
		return true;
	}
	switch (json_object_get_type(found)) {
	case json_type_boolean:
		snprintf(buf, size, "%d", json_object_get_boolean(found));
		return true;
	case json_type_int:
		if (!metric->scale) {
			snprintf(buf, size, "%" PRIu64,
				 json_object_get_uint64(found));
			return true;
		}
		break;
	case json_type_double:
		break;
	default:
		return false;
	}
	value = json_object_get_double(found);
	if (metric->scale)
		value *= metric->scale;
	snprintf(buf, size, "%.12g", value);
	return isfinite(value);
}

static void write_sample(const struct place *place)
{
	const struct metric *metric = place->metric;
	bool labels;
	char value[40];

	if (!value_of(place, value, sizeof(value)))
		return;
	fputs(metric->name, place->out);
	labels = write_labels(place);
	if (metric->label)
		fprintf(place->out, "%c%s", labels ? ',' : '{', metric->label);
	fprintf(place->out, "%s %s\n", labels || metric->label ? "}" : "",
		value);
}

/* every element of the list `name` in the innermost part, and in the lists
 * `inner` of these when it is given */
static void each(struct place *place, const char *name, const char *inner)
{
	json_object *list = member(place->parts[place->n - 1], name);
	size_t n;

	if (!json_object_is_type(list, json_type_array))
		return;
	n = json_object_array_length(list);
	place->n++;
	for (size_t i = 0; i < n; i++) {
		place->parts[place->n - 1] = json_object_array_get_idx(list, i);
		if (inner)
			each(place, inner, NULL);
		else
			write_sample(place);
	}
	place->n--;
}

/* where the objects of a level are */
static const struct {
	enum dyncast_answer answer;
	const char *list, *inner;
} levels[] = {
	[LEVEL_BGP] = {DYNCAST_ANSWER_BGP},
	[LEVEL_SERVICE] = {DYNCAST_ANSWER_SERVICE, "services"},
	[LEVEL_CANDIDATE] = {DYNCAST_ANSWER_SERVICE, "services", "candidates"},
	[LEVEL_LOCAL] = {DYNCAST_ANSWER_INSTANCE, "instances"},
	[LEVEL_FORWARDING] = {DYNCAST_ANSWER_FORWARDING},
	[LEVEL_INGRESS] = {DYNCAST_ANSWER_FORWARDING, "ingress"},
	[LEVEL_SID] = {DYNCAST_ANSWER_FORWARDING, "sids"},
	[LEVEL_FWD_SERVICE] = {DYNCAST_ANSWER_FORWARDING, "services"},
	[LEVEL_FWD_INSTANCE] = {DYNCAST_ANSWER_FORWARDING, "services",
				"instances"},
};

static void write_level(struct place *place)
{
	const enum level level = place->metric->level;

	if (levels[level].list)
		each(place, levels[level].list, levels[level].inner);
	else
		write_sample(place);
}

static void write_head(FILE *out, const char *name, const char *help,
		       const char *type)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void dyncast_metrics_write_own(FILE *out,
			       const struct dyncast_snapshot *snapshot)
{
	write_head(out, "dyncast_exporter_build_info",
		   "Release of dyncast-exporter.", "gauge");
	fprintf(out, "dyncast_exporter_build_info{version=\"%s\"} 1\n",
		DYNCAST_RELEASE);
	write_head(out, "dyncast_up",
		   "Whether the daemon's module answered all questions.",
		   "gauge");
	for (int i = 0; i < DYNCAST_DAEMON_MAX; i++)
		fprintf(out, "dyncast_up{daemon=\"%s\"} %d\n",
			dyncast_daemon_name(i), snapshot->up[i]);
	write_head(out, "dyncast_answer_duration_seconds",
		   "How long the daemon took to answer.", "gauge");
	for (int i = 0; i < DYNCAST_DAEMON_MAX; i++)
		fprintf(out,
			"dyncast_answer_duration_seconds{daemon=\"%s\"} %.6f\n",
			dyncast_daemon_name(i), snapshot->seconds[i]);
}

static void write_warnings(FILE *out, json_object *forwarding)
{
	json_object *list = member(forwarding, "warnings");

	if (!json_object_is_type(list, json_type_array))
		return;
	write_head(out, "dyncast_forwarding_warnings",
		   "Settings of the system that make packets vanish.", "gauge");
	fprintf(out, "dyncast_forwarding_warnings %zu\n",
		json_object_array_length(list));
}

void dyncast_metrics_write(FILE *out, enum dyncast_answer which,
			   json_object *answer)
{
	const char *before = "";

	for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++) {
		struct place place = {
			.metric = &metrics[i],
			.out = out,
			.parts = {answer},
			.n = 1,
		};

		if (levels[metrics[i].level].answer != which)
			continue;
		if (strcmp(before, metrics[i].name) != 0)
			write_head(out, metrics[i].name, metrics[i].help,
				   metrics[i].type == COUNTER ? "counter"
							      : "gauge");
		before = metrics[i].name;
		write_level(&place);
	}
	if (which == DYNCAST_ANSWER_FORWARDING)
		write_warnings(out, answer);
}
