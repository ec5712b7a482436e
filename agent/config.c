// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The agent's configuration file.  See config.h; the syntax is in
 * dyncast-agent(8).
 *
 * config_check.c checks the values while libconfuse reads them; whether an
 * instance is complete is known at the end of the file, because settings of
 * its service may follow it.
 */

#include "config.h"

#include "lib/addr.h"
#include "lib/agent_line.h"
#include "config_check.h"
#include "log.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* of the configuration file, in bytes */
#define FILE_MAX (1024 * 1024)

#define SOCKET_DEFAULT "/var/run/frr/" DYNCAST_AGENT_SOCKET

/* The value in the instance, else in its service, else NULL. */
static cfg_opt_t *setting(cfg_t *service, cfg_t *instance, const char *name)
{
	cfg_opt_t *opt = cfg_getopt(instance, name);

	if (cfg_opt_size(opt))
		return opt;
	opt = cfg_getopt(service, name);
	return cfg_opt_size(opt) ? opt : NULL;
}

static const char *text_of(cfg_t *service, cfg_t *instance, const char *name)
{
	cfg_opt_t *opt = setting(service, instance, name);

	return opt ? cfg_opt_getnstr(opt, 0) : NULL;
}

static unsigned int number_of(cfg_t *service, cfg_t *instance, const char *name)
{
	cfg_opt_t *opt = setting(service, instance, name);

	return (unsigned int)(opt ? cfg_opt_getnint(opt, 0)
				  : dyncast_config_number(name)->value);
}

static double scale_of(cfg_t *service, cfg_t *instance, const char *name,
		       const char *word)
{
	const char *text = text_of(service, instance, name);

	return dyncast_config_unit(name, text ? text : word)->scale;
}

static void selector_of(cfg_t *service, cfg_t *instance, const char *name,
			struct dyncast_selector *selector)
{
	const char *text = text_of(service, instance, name);

	if (text)
		dyncast_selector_parse(text, selector); /* it was checked */
}

/* *mapping is all zero, padding too: a reload compares bytes. */
static void mapping_of(cfg_t *service, cfg_t *instance,
		       struct dyncast_mapping *mapping)
{
	const char *capacity = text_of(service, instance, "capacity");

	if (capacity)
		mapping->capacity_fixed =
			dyncast_config_fixed_capacity(capacity);
	if (!mapping->capacity_fixed)
		selector_of(service, instance, "capacity", &mapping->capacity);
	selector_of(service, instance, "in-flight", &mapping->in_flight);
	selector_of(service, instance, "utilisation", &mapping->utilisation);
	selector_of(service, instance, "delay", &mapping->delay);
	mapping->utilisation_scale =
		scale_of(service, instance, "utilisation-unit", "ratio");
	mapping->delay_scale = scale_of(service, instance, "delay-unit", "s");
	mapping->window_ms = number_of(service, instance, "delay-window");
}

/* What an instance lacks, NULL when nothing. */
static const char *instance_lacks(cfg_t *instance,
				  const struct dyncast_mapping *mapping)
{
	const char *metrics = cfg_getstr(instance, "metrics-url");
	const char *http = cfg_getstr(instance, "health-url");
	const char *tcp = cfg_getstr(instance, "health-tcp");

	if (cfg_size(instance, "sid") && !cfg_size(instance, "address"))
		return "has a sid without an address; add address, or give the sid in the router's configuration";
	if (http && tcp)
		return "has both health-url and health-tcp; allowed: one of them";
	if (metrics && !dyncast_mapping_needs_text(mapping))
		return "has a metrics-url, but no metric is named; add at least one of capacity, in-flight, utilisation, delay, here or in its service";
	if (!metrics && !http && !tcp)
		return "has nothing to watch; add metrics-url, health-url or health-tcp";
	return NULL;
}

static char *copy(const char *text)
{
	char *out = strdup(text);

	if (!out) {
		dyncast_log(DYNCAST_LOG_ERROR, "out of memory");
		abort();
	}
	return out;
}

/* The settings are complete only now: a service's may follow its instances. */
static bool instance_build(cfg_t *service, cfg_t *instance,
			   struct dyncast_instance_config *out)
{
	const char *metrics = cfg_getstr(instance, "metrics-url");
	const char *http = cfg_getstr(instance, "health-url");
	const char *tcp = cfg_getstr(instance, "health-tcp");
	const char *lacks;
	char url[256];

	mapping_of(service, instance, &out->mapping);
	lacks = instance_lacks(instance, &out->mapping);
	if (lacks) {
		cfg_error(instance, "instance \"%s\" %s", cfg_title(instance),
			  lacks);
		return false;
	}
	strcpy(out->service, cfg_title(service));
	strcpy(out->name, cfg_title(instance));
	if (cfg_size(instance, "address"))
		dyncast_addr_parse(cfg_getstr(instance, "address"),
				   &out->address); /* it was checked */
	if (cfg_size(instance, "sid"))
		out->sid = (uint16_t)cfg_getint(instance, "sid");
	out->timeout_ms = number_of(service, instance, "timeout");
	out->health_interval_ms =
		number_of(service, instance, "health-interval");
	out->failures = number_of(service, instance, "failures");
	out->successes = number_of(service, instance, "successes");
	if (metrics)
		out->metrics_url = copy(metrics);
	if (http) {
		out->health_kind = DYNCAST_HEALTH_HTTP;
		out->health_url = copy(http);
	} else if (tcp) {
		out->health_kind = DYNCAST_HEALTH_TCP;
		snprintf(url, sizeof(url), "http://%s", tcp);
		out->health_url = copy(url);
	}
	return true;
}

static struct dyncast_config *config_build(cfg_t *cfg)
{
	struct dyncast_config *config = calloc(1, sizeof(*config));
	size_t n = 0;

	for (unsigned int s = 0; s < cfg_size(cfg, "service"); s++)
		n += cfg_size(cfg_getnsec(cfg, "service", s), "instance");
	if (n == 0 || n > DYNCAST_AGENT_INSTANCES_MAX) {
		cfg_error(cfg, "%zu instances in the file; allowed: 1 to %d", n,
			  DYNCAST_AGENT_INSTANCES_MAX);
		free(config);
		return NULL;
	}
	if (config)
		config->instances = calloc(n, sizeof(config->instances[0]));
	if (!config || !config->instances) {
		cfg_error(cfg, "out of memory; nothing was changed");
		free(config);
		return NULL;
	}
	strcpy(config->socket, cfg_getstr(cfg, "socket"));
	config->interval_ms = (unsigned int)cfg_getint(cfg, "interval");
	config->keepalive_ms = (unsigned int)cfg_getint(cfg, "keepalive");
	config->threshold = (unsigned int)cfg_getint(cfg, "threshold");
	for (unsigned int s = 0; s < cfg_size(cfg, "service"); s++) {
		cfg_t *service = cfg_getnsec(cfg, "service", s);

		for (unsigned int i = 0; i < cfg_size(service, "instance");
		     i++) {
			if (!instance_build(
				    service,
				    cfg_getnsec(service, "instance", i),
				    &config->instances[config->n_instances])) {
				dyncast_config_free(config);
				return NULL;
			}
			config->n_instances++;
		}
	}
	return config;
}

/* --- the file's grammar ---------------------------------------------------*/

/* Settings that stand in a service, an instance, or both. */
#define SETTINGS                                                               \
	CFG_INT("timeout", 0, CFGF_NODEFAULT),                                 \
		CFG_INT("health-interval", 0, CFGF_NODEFAULT),                 \
		CFG_INT("failures", 0, CFGF_NODEFAULT),                        \
		CFG_INT("successes", 0, CFGF_NODEFAULT),                       \
		CFG_STR("capacity", NULL, CFGF_NODEFAULT),                     \
		CFG_STR("in-flight", NULL, CFGF_NODEFAULT),                    \
		CFG_STR("utilisation", NULL, CFGF_NODEFAULT),                  \
		CFG_STR("utilisation-unit", NULL, CFGF_NODEFAULT),             \
		CFG_STR("delay", NULL, CFGF_NODEFAULT),                        \
		CFG_STR("delay-unit", NULL, CFGF_NODEFAULT),                   \
		CFG_INT("delay-window", 0, CFGF_NODEFAULT)

/* The file's text, then the mark of its end.  NULL with errno set. */
static char *read_text(const char *file)
{
	static const char end[] = "\n" DYNCAST_CONFIG_END " = 1";
	size_t len = 0, n = 1;
	FILE *in = fopen(file, "re");
	char *text = in ? malloc(FILE_MAX + sizeof(end)) : NULL;
	int error;

	while (text && n && len < FILE_MAX) {
		n = fread(text + len, 1, FILE_MAX - len, in);
		len += n;
	}
	error = errno;
	if (text && (ferror(in) || len == FILE_MAX)) {
		error = ferror(in) ? error : EFBIG;
		free(text);
		text = NULL;
	}
	if (in)
		fclose(in);
	if (text) {
		/* line numbers stay right up to the end */
		size_t skip = len && text[len - 1] == '\n';

		memcpy(text + len, end + skip, sizeof(end) - skip);
	}
	errno = error;
	return text;
}

/* False after an error, which was logged. */
static bool parse(cfg_t *cfg, const char *file)
{
	char *text = read_text(file);
	FILE *in;
	bool good;

	if (!text) {
		dyncast_log(
			DYNCAST_LOG_ERROR,
			"cannot read %s: %s; check the name after -c and the file's permissions",
			file, strerror(errno));
		return false;
	}
	cfg->filename = copy(file);
	in = fmemopen(text, strlen(text), "r");
	good = in && cfg_parse_fp(cfg, in) == CFG_SUCCESS;
	if (in)
		fclose(in);
	free(text);
	if (good && !cfg_getint(cfg, DYNCAST_CONFIG_END)) {
		cfg_error(cfg, "the file ends inside a comment; add */");
		good = false;
	}
	return good;
}

struct dyncast_config *dyncast_config_load(const char *file)
{
	cfg_opt_t instance_opts[] = {
		SETTINGS,
		CFG_STR("address", NULL, CFGF_NODEFAULT),
		CFG_INT("sid", 0, CFGF_NODEFAULT),
		CFG_STR("metrics-url", NULL, CFGF_NODEFAULT),
		CFG_STR("health-url", NULL, CFGF_NODEFAULT),
		CFG_STR("health-tcp", NULL, CFGF_NODEFAULT),
		CFG_END(),
	};
	cfg_opt_t service_opts[] = {
		SETTINGS,
		CFG_SEC("instance", instance_opts,
			CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_END(),
	};
	cfg_opt_t opts[] = {
		CFG_STR("socket", SOCKET_DEFAULT, CFGF_NONE),
		CFG_INT("interval", dyncast_config_number("interval")->value,
			CFGF_NONE),
		CFG_INT("keepalive", dyncast_config_number("keepalive")->value,
			CFGF_NONE),
		CFG_INT("threshold", dyncast_config_number("threshold")->value,
			CFGF_NONE),
		CFG_SEC("service", service_opts,
			CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_INT(DYNCAST_CONFIG_END, 0, CFGF_NONE),
		CFG_END(),
	};
	struct dyncast_config *config = NULL;
	cfg_t *cfg = cfg_init(opts, CFGF_NONE);

	if (!cfg) {
		dyncast_log(DYNCAST_LOG_ERROR, "out of memory");
		return NULL;
	}
	cfg_set_error_function(cfg, dyncast_config_error);
	dyncast_config_set_checks(cfg);
	if (parse(cfg, file))
		config = config_build(cfg);
	cfg_free(cfg);
	return config;
}

void dyncast_config_free(struct dyncast_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_instances; i++) {
		free(config->instances[i].metrics_url);
		free(config->instances[i].health_url);
	}
	free(config->instances);
	free(config);
}
