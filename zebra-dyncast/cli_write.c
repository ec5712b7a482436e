/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration in dyncast_config, and the names of the interfaces that
 * steer, as lines.  Main thread of zebra, or of mgmtd, which fills both from a
 * data store.
 */

#include <zebra.h>

#include "lib/command.h"

#include "apply.h"
#include "ingress.h"
#include "cli.h"
#include "../lib/cost.h"

struct writer {
	struct vty *vty;
	int lines;
};

static void write_ingress(const char *ifname, void *arg)
{
	struct writer *w = arg;

	vty_out(w->vty, "dyncast ingress %s\n", ifname);
	w->lines++;
}

static void write_sizes(struct writer *w)
{
	const struct dyncast_config *c = &dyncast_config;

	if (c->flow_table_size_set) {
		vty_out(w->vty, "dyncast flow-table size %u\n",
			c->flow_table_size);
		w->lines++;
	}
	if (c->service_table_size) {
		vty_out(w->vty, "dyncast service-table size %u\n",
			c->service_table_size);
		w->lines++;
	}
}

static void write_encapsulation(struct writer *w)
{
	const struct dyncast_config *c = &dyncast_config;

	if (!IN6_IS_ADDR_UNSPECIFIED(&c->encap_source)) {
		vty_out(w->vty, "dyncast encapsulation source %pI6\n",
			&c->encap_source);
		w->lines++;
	}
	if (c->encap_source4.s_addr != INADDR_ANY) {
		vty_out(w->vty, "dyncast encapsulation source %pI4\n",
			&c->encap_source4);
		w->lines++;
	}
	if (c->alias_prefix_set) {
		vty_out(w->vty, "dyncast alias-prefix %pFX\n",
			&c->alias_prefix);
		w->lines++;
	}
}

int dyncast_cli_write_forwarding(struct vty *vty)
{
	const struct dyncast_config *c = &dyncast_config;
	struct writer w = {.vty = vty};

	write_sizes(&w);
	if (c->network_unit_us != DYNCAST_NETWORK_UNIT_DEFAULT) {
		vty_out(vty, "dyncast network-cost unit %u\n",
			c->network_unit_us);
		w.lines++;
	}
	if (c->hold_s != DYNCAST_HOLD_DEFAULT) {
		vty_out(vty, "dyncast hold %u\n", c->hold_s);
		w.lines++;
	}
	if (c->route_none) {
		vty_out(vty, "dyncast route none\n");
		w.lines++;
	}
	if (c->dry_run) {
		vty_out(vty, "dyncast dry-run\n");
		w.lines++;
	}
	write_encapsulation(&w);
	if (c->forwarding_kernel) {
		vty_out(vty, "dyncast forwarding kernel\n");
		w.lines++;
	}
	if (c->ingress_all) {
		vty_out(vty, "dyncast ingress all\n");
		w.lines++;
	}
	dyncast_ingress_names(write_ingress, &w);
	return w.lines;
}
