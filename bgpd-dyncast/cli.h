/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Installing bgpd_dyncast's commands: configuration (cli.c), show (show.c)
 * and debug (debug.c).  Called once by module.c on bgpd's main thread.
 */

#ifndef BGPD_DYNCAST_CLI_H
#define BGPD_DYNCAST_CLI_H

void dyncast_cli_init(void);
void dyncast_show_init(void);
void dyncast_summary_init(void);
void dyncast_debug_init(void);

/* show.c: one word or phrase, what becomes of the service here */
struct dyncast_service;
const char *dyncast_show_service_state(const struct dyncast_service *service);
/* show_state.c */
struct json_object;
struct vty;
void dyncast_show_state_text(struct vty *vty);
struct json_object *dyncast_show_state_json(void);
/* show_site.c: the figures of a site, by the names of the draft */
struct dyncast_site;
struct json_object *dyncast_show_site_json(const struct dyncast_site *site);

#endif /* BGPD_DYNCAST_CLI_H */
