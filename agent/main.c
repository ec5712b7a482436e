// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dyncast-agent, the metric agent (D-MA) of draft-li-dyncast-architecture-00:
 * it runs at a site, asks the instances there how they are, and tells the
 * site's router (bgpd_dyncast).  This file reads the command line; loop.c does
 * the work.
 */

#ifdef HAVE_CONFIG_H
#include "dyncast-config.h"
#endif

#include "config.h"
#include "log.h"
#include "loop.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef DYNCAST_RELEASE
#define DYNCAST_RELEASE "(built by hand)"
#endif

#define FILE_DEFAULT "/etc/dyncast-agent.conf"

static const char usage[] =
	"usage: dyncast-agent [-v] [-c FILE]\n"
	"       dyncast-agent --check FILE\n"
	"Watches service instances and reports their metrics to bgpd.\n"
	"\n"
	"  -c, --config FILE  configuration file (" FILE_DEFAULT
	")\n"
	"      --check FILE   check a configuration file; exit 0 or 1\n"
	"  -f, --foreground   stay in the foreground (always so)\n"
	"  -v, --verbose      log more\n"
	"      --version\n"
	"  -h, --help\n"
	"\n"
	"SIGHUP loads the file again, SIGTERM ends.  See dyncast-agent(8).\n";

enum { OPTION_CHECK = 256, OPTION_VERSION };

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", required_argument, NULL, OPTION_CHECK},
	{"foreground", no_argument, NULL, 'f'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, 'h'},
	{},
};

static int check(const char *file)
{
	struct dyncast_config *config = dyncast_config_load(file);

	if (!config)
		return EXIT_FAILURE;
	printf("%s: correct, %zu instances\n", file, config->n_instances);
	dyncast_config_free(config);
	return EXIT_SUCCESS;
}

static int run(const char *file)
{
	struct dyncast_config *config = dyncast_config_load(file);

	return config ? dyncast_loop_run(config, file) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const char *file = FILE_DEFAULT, *to_check = NULL;
	bool verbose = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "c:fvh", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'c':
			file = optarg;
			break;
		case 'f':
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case OPTION_CHECK:
			to_check = optarg;
			break;
		case OPTION_VERSION:
			puts("dyncast-agent " DYNCAST_RELEASE);
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
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = to_check ? check(to_check) : run(file);
	curl_global_cleanup();
	return status;
}
