/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What values the agent's configuration file may hold: libconfuse callbacks
 * that run while config.c reads it, so that every error names its line and
 * what would be right.  Loop's thread only.
 */

#ifndef DYNCAST_AGENT_CONFIG_CHECK_H
#define DYNCAST_AGENT_CONFIG_CHECK_H

#include <confuse.h>
#include <stdint.h>

/* config.c appends this option to the file's text: in an unfinished section,
 * which libconfuse would accept, it is an error. */
#define DYNCAST_CONFIG_END "__end"

/* Every whole number of the file, with its range and default. */
struct dyncast_config_number {
	const char *name;
	long min;
	long max;
	long value;
};

/* A word that an option allows, with what it multiplies. */
struct dyncast_config_unit {
	const char *option;
	const char *word;
	double scale;
};

/* NULL when there is none of that name */
const struct dyncast_config_number *dyncast_config_number(const char *name);
const struct dyncast_config_unit *dyncast_config_unit(const char *option,
						      const char *word);

/* A number from 1, or 0 when the text is none. */
uint32_t dyncast_config_fixed_capacity(const char *text);

/* libconfuse's error function: logs with file, line and what is allowed */
void dyncast_config_error(cfg_t *cfg, const char *fmt, va_list ap);

void dyncast_config_set_checks(cfg_t *cfg);

#endif /* DYNCAST_AGENT_CONFIG_CHECK_H */
