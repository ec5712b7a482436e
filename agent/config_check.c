// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What values the agent's configuration file may hold.  See config_check.h.
 */

#include "config_check.h"

#include "lib/addr.h"
#include "config.h"
#include "log.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct dyncast_config_number numbers[] = {
	{"interval", 10, 60000, 200},
	{"keepalive", 100, 20000, 2000},
	{"threshold", 0, 100, 2},
	{"timeout", 10, 60000, 300},
	{"health-interval", 20, 600000, 500},
	{"failures", 1, 100, 3},
	{"successes", 1, 100, 2},
	{"delay-window", 20, 60000, 1000},
	{"sid", 1, 65535, 0},
};

const struct dyncast_config_number *dyncast_config_number(const char *name)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(numbers[i].name, name) == 0)
			return &numbers[i];
	return NULL;
}

static const struct dyncast_config_unit units[] = {
	{"utilisation-unit", "ratio", DYNCAST_UTILISATION_MAX},
	{"utilisation-unit", "percent", DYNCAST_UTILISATION_MAX / 100.0},
	{"delay-unit", "s", 1e6},
	{"delay-unit", "ms", 1e3},
	{"delay-unit", "us", 1},
};

const struct dyncast_config_unit *dyncast_config_unit(const char *option,
						      const char *word)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].option, option) == 0 &&
		    strcmp(units[i].word, word) == 0)
			return &units[i];
	return NULL;
}

/* --- errors ---------------------------------------------------------------*/

static void append(char *buf, size_t size, const char *text)
{
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s", text);
}

/* What would have been right, after one of libconfuse's own messages. */
static void hint(cfg_t *cfg, const char *text, char *buf, size_t size)
{
	if (strncmp(text, "no such option", 14) == 0) {
		append(buf, size, "; allowed here:");
		for (size_t i = 0; i < cfg_num(cfg); i++) {
			const char *name = cfg_getnopt(cfg, i)->name;

			if (strcmp(name, DYNCAST_CONFIG_END) == 0)
				continue;
			append(buf, size, " ");
			append(buf, size, name);
		}
		return;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char quoted[64];

		snprintf(quoted, sizeof(quoted), "'%s'", numbers[i].name);
		if (!strstr(text, quoted))
			continue;
		snprintf(buf, size, "; allowed: a whole number, %ld to %ld",
			 numbers[i].min, numbers[i].max);
		return;
	}
}

void dyncast_config_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[512], more[512] = "";

	vsnprintf(text, sizeof(text), fmt, ap);
	if (strstr(text, DYNCAST_CONFIG_END))
		snprintf(text, sizeof(text),
			 "the file ends where a value or a } is missing");
	else if (!strstr(text, "allowed"))
		hint(cfg, text, more, sizeof(more));
	dyncast_log(DYNCAST_LOG_ERROR, "%s:%d: %s%s", cfg->filename, cfg->line,
		    text, more);
}

/* --- checks while the file is read ----------------------------------------*/

static int check_number(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct dyncast_config_number *number =
		dyncast_config_number(opt->name);
	long value = cfg_opt_getnint(opt, 0);

	if (value >= number->min && value <= number->max)
		return 0;
	cfg_error(cfg, "%s = %ld; allowed: %ld to %ld", opt->name, value,
		  number->min, number->max);
	return -1;
}

static int check_unit(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *word = cfg_opt_getnstr(opt, 0);
	bool delay = strcmp(opt->name, "delay-unit") == 0;

	if (dyncast_config_unit(opt->name, word))
		return 0;
	cfg_error(cfg, "%s = \"%s\"; allowed: %s", opt->name, word,
		  delay ? "\"s\", \"ms\", \"us\"" : "\"ratio\", \"percent\"");
	return -1;
}

static int check_socket(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = cfg_opt_getnstr(opt, 0);

	if (path[0] == '/' && strlen(path) < DYNCAST_AGENT_SOCKET_SIZE)
		return 0;
	cfg_error(
		cfg,
		"socket = \"%s\"; allowed: an absolute path of at most %d characters",
		path, DYNCAST_AGENT_SOCKET_SIZE - 1);
	return -1;
}

static int check_selector(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, 0);
	struct dyncast_selector selector;
	const char *wrong = dyncast_selector_parse(text, &selector);

	if (!wrong)
		return 0;
	cfg_error(
		cfg,
		"%s = \"%s\": %s; allowed: a metric name, or name{label=\"value\"}",
		opt->name, text, wrong);
	return -1;
}

uint32_t dyncast_config_fixed_capacity(const char *text)
{
	unsigned long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end || errno || value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

static int check_capacity(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, 0);

	if (text[0] < '0' || text[0] > '9')
		return check_selector(cfg, opt);
	if (dyncast_config_fixed_capacity(text))
		return 0;
	cfg_error(
		cfg,
		"capacity = \"%s\"; allowed: a whole number from 1 to %u, or a metric name",
		text, UINT32_MAX);
	return -1;
}

static int check_address(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, 0);
	struct dyncast_addr address;

	if (dyncast_addr_parse(text, &address) &&
	    dyncast_addr_is_unicast(&address))
		return 0;
	cfg_error(
		cfg,
		"address = \"%s\"; allowed: the instance's own IPv4 or IPv6 address",
		text);
	return -1;
}

static bool url_part_empty(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool empty = curl_url_get(url, part, &text, 0) != CURLUE_OK;

	curl_free(text);
	return empty;
}

/* NULL when the URL can be used, else what is wrong. */
static const char *url_wrong(const char *text, bool port_only)
{
	CURLU *url = curl_url();
	const char *wrong = NULL;
	char *scheme = NULL, *path = NULL;

	if (!url)
		return "out of memory";
	if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
		wrong = "it cannot be read";
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		wrong = "its scheme is neither http nor https";
	else if (!url_part_empty(url, CURLUPART_USER) ||
		 !url_part_empty(url, CURLUPART_PASSWORD))
		wrong = "a user or password is not supported";
	else if (port_only && (url_part_empty(url, CURLUPART_PORT) ||
			       strcmp(path, "/") != 0 ||
			       !url_part_empty(url, CURLUPART_QUERY)))
		wrong = "it is no address and port";
	curl_free(scheme);
	curl_free(path);
	curl_url_cleanup(url);
	return wrong;
}

static int check_url(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, 0);
	const char *wrong = url_wrong(text, false);

	if (!wrong)
		return 0;
	cfg_error(
		cfg,
		"%s = \"%s\": %s; allowed: http://ADDRESS:PORT/PATH or https://...",
		opt->name, text, wrong);
	return -1;
}

static int check_tcp(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, 0);
	const char *wrong;
	char url[256];
	int len = snprintf(url, sizeof(url), "http://%s", text);

	wrong = len >= (int)sizeof(url) ? "it is too long"
					: url_wrong(url, true);
	if (!wrong)
		return 0;
	cfg_error(
		cfg,
		"health-tcp = \"%s\": %s; allowed: ADDRESS:PORT or [IPv6]:PORT",
		text, wrong);
	return -1;
}

static int check_title(cfg_t *section, const char *kind)
{
	if (dyncast_name_valid(cfg_title(section)))
		return 0;
	cfg_error(
		section,
		"%s \"%s\"; allowed as a name: 1 to %d characters of A-Z a-z 0-9 _ . -",
		kind, cfg_title(section), DYNCAST_NAME_SIZE - 1);
	return -1;
}

/* Called at the closing brace of a service, with its instances complete. */
static int check_service(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *service = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (check_title(service, "service"))
		return -1;
	if (cfg_size(service, "instance"))
		return 0;
	cfg_error(
		cfg,
		"service \"%s\" has no instance; add: instance \"NAME\" { ... }",
		cfg_title(service));
	return -1;
}

static int check_instance(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_title(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1),
			   "instance");
}

static const struct {
	const char *name;
	cfg_validate_callback_t check;
	bool instance_only;
} checks[] = {
	{"timeout", check_number, false},
	{"health-interval", check_number, false},
	{"failures", check_number, false},
	{"successes", check_number, false},
	{"delay-window", check_number, false},
	{"capacity", check_capacity, false},
	{"in-flight", check_selector, false},
	{"utilisation", check_selector, false},
	{"delay", check_selector, false},
	{"utilisation-unit", check_unit, false},
	{"delay-unit", check_unit, false},
	{"address", check_address, true},
	{"sid", check_number, true},
	{"metrics-url", check_url, true},
	{"health-url", check_url, true},
	{"health-tcp", check_tcp, true},
};

void dyncast_config_set_checks(cfg_t *cfg)
{
	char path[64];

	cfg_set_validate_func(cfg, "socket", check_socket);
	cfg_set_validate_func(cfg, "interval", check_number);
	cfg_set_validate_func(cfg, "keepalive", check_number);
	cfg_set_validate_func(cfg, "threshold", check_number);
	cfg_set_validate_func(cfg, "service", check_service);
	cfg_set_validate_func(cfg, "service|instance", check_instance);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		snprintf(path, sizeof(path), "service|instance|%s",
			 checks[i].name);
		cfg_set_validate_func(cfg, path, checks[i].check);
		if (checks[i].instance_only)
			continue;
		snprintf(path, sizeof(path), "service|%s", checks[i].name);
		cfg_set_validate_func(cfg, path, checks[i].check);
	}
}
