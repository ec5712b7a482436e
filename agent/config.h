/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's configuration file: read with libconfuse, checked completely
 * before anything uses it.  Settings of a service apply to its instances
 * unless an instance has its own, so what the loop sees is one flat list.
 *
 * A loaded configuration is constant until it is freed.  Loop's thread only.
 */

#ifndef DYNCAST_AGENT_CONFIG_H
#define DYNCAST_AGENT_CONFIG_H

#include "lib/dyncast.h"

#include "mapping.h"

#define DYNCAST_AGENT_INSTANCES_MAX 1024
#define DYNCAST_AGENT_SOCKET_SIZE 108 /* of sun_path */

enum dyncast_health_kind {
	DYNCAST_HEALTH_NONE = 0,
	DYNCAST_HEALTH_HTTP,
	DYNCAST_HEALTH_TCP,
};

struct dyncast_instance_config {
	char service[DYNCAST_NAME_SIZE];
	char name[DYNCAST_NAME_SIZE];
	/* the router is to bring it up; family 0: it is configured there */
	struct dyncast_addr address;
	uint16_t sid; /* with an address; 0: none */
	unsigned int timeout_ms;
	char *metrics_url; /* NULL: nothing is scraped */
	struct dyncast_mapping mapping;
	enum dyncast_health_kind health_kind;
	char *health_url; /* for TCP: http://ADDRESS:PORT */
	unsigned int health_interval_ms;
	unsigned int failures;	/* in a row, until it is down */
	unsigned int successes; /* in a row, until it is up again */
};

struct dyncast_config {
	char socket[DYNCAST_AGENT_SOCKET_SIZE];
	unsigned int interval_ms;
	unsigned int keepalive_ms;
	unsigned int threshold; /* percent */
	size_t n_instances;
	struct dyncast_instance_config *instances;
};

/* Read a file.  NULL after an error, which was logged with file and line. */
struct dyncast_config *dyncast_config_load(const char *file);

void dyncast_config_free(struct dyncast_config *config);

#endif /* DYNCAST_AGENT_CONFIG_H */
