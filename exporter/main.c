// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dyncast-exporter: what bgpd_dyncast and zebra_dyncast know, as metrics for
 * Prometheus.  This file reads the command line and waits for the end; server.c
 * serves, snapshot.c asks the daemons, metrics.c writes.
 */

#ifdef HAVE_CONFIG_H
#include "dyncast-config.h"
#endif

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/log.h"
#include "server.h"

#ifndef DYNCAST_RELEASE
#define DYNCAST_RELEASE "(built by hand)"
#endif

#define LISTEN_DEFAULT "127.0.0.1:9925"
#define DIR_DEFAULT "/var/run/frr"
#define TIMEOUT_DEFAULT_MS 2000
#define TIMEOUT_MAX_MS 60000

static const char usage[] =
	"usage: dyncast-exporter [-l ADDRESS:PORT] [-d DIR] [-t MS] [-v]\n"
	"       dyncast-exporter --once\n"
	"Serves Dyncast's metrics to Prometheus, at /metrics.\n"
	"\n"
	"  -l, --listen ADDRESS:PORT  where to listen (" LISTEN_DEFAULT
	")\n"
	"  -d, --vty-dir DIR          where bgpd.vty and zebra.vty are\n"
	"                             (" DIR_DEFAULT
	")\n"
	"  -t, --timeout MS           to wait for a daemon (2000)\n"
	"      --once                 print the page and end; exit 1 when a daemon\n"
	"                             did not answer\n"
	"  -v, --verbose              log more\n"
	"      --version\n"
	"  -h, --help\n"
	"\n"
	"SIGTERM ends it.  See dyncast-exporter(8).\n";

enum { OPTION_ONCE = 256, OPTION_VERSION };

static const struct option options[] = {
	{"listen", required_argument, NULL, 'l'},
	{"vty-dir", required_argument, NULL, 'd'},
	{"timeout", required_argument, NULL, 't'},
	{"once", no_argument, NULL, OPTION_ONCE},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, 'h'},
	{},
};

static int once(const struct dyncast_server_config *config)
{
	bool complete, written;
	size_t len;
	char *page = dyncast_page_make(config, &len, &complete);

	if (!page)
		return EXIT_FAILURE;
	written = fwrite(page, 1, len, stdout) == len && !fflush(stdout);
	free(page);
	return complete && written ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int serve(const struct dyncast_server_config *config)
{
	struct dyncast_server *server;
	sigset_t ends;
	int number;

	/* before there is a thread, which inherits it */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	server = dyncast_server_start(config);
	if (!server)
		return EXIT_FAILURE;
	sigwait(&ends, &number);
	dyncast_server_stop(server);
	return EXIT_SUCCESS;
}

static bool timeout_parse(const char *text, unsigned int *ms)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*ms = (unsigned int)value;
	return text[0] >= '0' && text[0] <= '9' && !*end && value >= 1 &&
	       value <= TIMEOUT_MAX_MS;
}

int main(int argc, char **argv)
{
	struct dyncast_server_config config = {
		.listen = LISTEN_DEFAULT,
		.dir = DIR_DEFAULT,
		.timeout_ms = TIMEOUT_DEFAULT_MS,
	};
	bool only_once = false, verbose = false;
	int option;

	while ((option = getopt_long(argc, argv, "l:d:t:vh", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'l':
			config.listen = optarg;
			break;
		case 'd':
			config.dir = optarg;
			break;
		case 't':
			if (timeout_parse(optarg, &config.timeout_ms))
				break;
			fprintf(stderr, "timeout: 1 to %d ms, not '%s'\n",
				TIMEOUT_MAX_MS, optarg);
			return EXIT_FAILURE;
		case OPTION_ONCE:
			only_once = true;
			break;
		case 'v':
			verbose = true;
			break;
		case OPTION_VERSION:
			puts("dyncast-exporter " DYNCAST_RELEASE);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			fputs(usage, stderr);
			return EXIT_FAILURE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "unexpected argument: %s\n%s", argv[optind],
			usage);
		return EXIT_FAILURE;
	}
	dyncast_log_init(verbose);
	return only_once ? once(&config) : serve(&config);
}
