// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The steering simulator's main program.
 *
 *     dyncast-sim [--quick] FOLDER
 *
 * writes FOLDER/sim.json and CSV files, and says on stdout which bars are met.
 * Seeds are fixed: two runs write the same files.  Exits with 1 when it could
 * not write, with 0 whether bars are met or not.
 */

#include "report.h"

#include <stdlib.h>
#include <string.h>

static const char *folder;

void sim_bar(struct sim_bars *bars, const char *name, unsigned int good,
	     unsigned int all, double worst, double limit, const char *where)
{
	bool met = good == all && all;

	bars->met += met;
	bars->missed += !met;
	fprintf(bars->out, "%-6s %-50s %3u of %3u, worst %.4g of %.4g (%s)\n",
		met ? "met" : "MISSED", name, good, all, worst, limit, where);
	fflush(bars->out);
	fprintf(bars->json,
		"%s\n    {\"bar\": \"%s\", \"met\": %s, \"good\": %u, \"all\": %u, \"worst\": %.4f, \"limit\": %.4f, \"where\": \"%s\"}",
		bars->met + bars->missed > 1 ? "," : "", name,
		met ? "true" : "false", good, all, worst, limit, where);
}

static FILE *open_file(const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void close_file(FILE *file)
{
	if (ferror(file) || fclose(file)) {
		perror(folder);
		exit(1);
	}
}

static void run(bool quick)
{
	struct sim_bars bars = {.out = stdout};
	FILE *json = open_file("sim.json"), *csv;
	char *list = NULL;
	size_t size;
	double settled;

	bars.json = open_memstream(&list, &size);
	if (!bars.json)
		abort();
	fprintf(json, "{\n");
	csv = open_file("sim-grid.csv");
	settled = sim_grid(csv, json, &bars, quick);
	close_file(csv);
	fprintf(json, ",\n");
	csv = open_file("sim-oscillation.csv");
	sim_trial_oscillation(csv, json, &bars, quick);
	close_file(csv);
	fprintf(json, ",\n");
	csv = open_file("sim-change.csv");
	sim_trial_change(csv, json, &bars, quick);
	close_file(csv);
	csv = open_file("sim-services.csv");
	sim_trial_services(csv, &bars, quick);
	close_file(csv);
	csv = open_file("sim-network.csv");
	sim_trial_network(csv, &bars, quick);
	close_file(csv);
	csv = open_file("sim-four.csv");
	sim_trial_four(csv, &bars, quick);
	close_file(csv);
	close_file(bars.json);
	fprintf(json,
		",\n  \"bars\": [%s\n  ],\n  \"quick\": %s,\n  \"settledServiceTimes\": %.0f\n}\n",
		list, quick ? "true" : "false", settled);
	free(list);
	close_file(json);
	printf("%u bars met, %u missed\n", bars.met, bars.missed);
}

int main(int argc, char **argv)
{
	bool quick = argc == 3 && strcmp(argv[1], "--quick") == 0;

	if (argc != 2 && !quick) {
		fprintf(stderr, "usage: dyncast-sim [--quick] FOLDER\n");
		return 1;
	}
	folder = argv[argc - 1];
	run(quick);
	return 0;
}
