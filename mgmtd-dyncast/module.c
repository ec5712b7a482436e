// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mgmtd_dyncast.so: what mgmtd of FRR 10.7 loads with `-M mgmtd_dyncast`. mgmtd
 * then has frr-dyncast.yang in its data stores and the commands that configure
 * Dyncast; bgpd's and zebra's modules notice (lib/owner.h) and become its
 * backend clients.
 *
 * The model is added to what mgmtd loads anyway, before it does: it and its
 * command line are then as good as built in.  With any other FRR than the
 * module was built for, or a model that libyang does not take, nothing is
 * added, the log says why, and mgmtd runs as if the module were not there.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/hook.h"
#include "lib/libfrr.h"
#include "lib/log.h"
#include "lib/module.h"
#include "lib/northbound.h"
#include "lib/version.h"
#include "lib/yang.h"
#include "mgmtd/mgmt.h"
#include "mgmtd/mgmt_be_adapter.h"

#include "edit.h"
#include "../bgpd-dyncast/cli_internal.h"
#include "../lib/owner.h"
#include "../zebra-dyncast/cli.h"

#ifndef DYNCAST_BUILT_FOR
#define DYNCAST_BUILT_FOR FRR_VERSION
#endif

#define MODELS_MAX 128
#define CLIENTS_WAIT 60 /* seconds */

static char inactive[512]; /* why; empty when the module works */

static const struct frr_yang_module_info model = {
	.name = "frr-dyncast",
	.ignore_cfg_cbs = true,
	.nodes =
		{
			{
				.xpath = DYNCAST_SERVICES,
				.cbs.cli_show = dyncast_services_show,
			},
			{
				.xpath = DYNCAST_FORWARDING,
				.cbs.cli_show = dyncast_forwarding_show,
			},
			{.xpath = NULL},
		},
};

static const char *running_version(void)
{
	for (struct frrmod_runtime *m = frrmod_list; m; m = m->next)
		if (!strcmp(m->info->name, "mgmtd"))
			return m->info->version;
	return NULL;
}

static bool daemon_check(void)
{
	const char *running = running_version();

	if (!running)
		snprintf(
			inactive, sizeof(inactive),
			"belongs into mgmtd (`mgmtd -M mgmtd_dyncast`), not into %s: inactive",
			frr_get_progname());
	else if (strcmp(running, DYNCAST_BUILT_FOR))
		snprintf(
			inactive, sizeof(inactive),
			"built for FRR %s, running %s: inactive; install the frr-dyncast package of this FRR",
			DYNCAST_BUILT_FOR, running);
	return !inactive[0];
}

/* mgmtd ends when a model of its list cannot be loaded: so we try before */
static bool model_check(void)
{
	struct ly_ctx *ctx = yang_ctx_new_setup(true, false, false);

	const char *why = "no libyang context";

	if (ctx)
		why = ly_ctx_load_module(ctx, model.name, NULL, NULL)
			      ? NULL
			      : "libyang does not take it";
	if (why)
		snprintf(inactive, sizeof(inactive),
			 "the YANG model is not available (%s): inactive", why);
	if (ctx)
		ly_ctx_destroy(ctx);
	return !inactive[0];
}

static void model_add(void)
{
	static const struct frr_yang_module_info *models[MODELS_MAX];
	struct frr_daemon_info *di = mgmt_daemon_info;

	if (di->n_yang_modules >= MODELS_MAX) {
		snprintf(inactive, sizeof(inactive),
			 "mgmtd has more than %u models: inactive",
			 MODELS_MAX - 1);
		return;
	}
	memcpy(models, di->yang_modules,
	       di->n_yang_modules * sizeof(models[0]));
	models[di->n_yang_modules] = &model;
	di->yang_modules = models;
	di->n_yang_modules++;
}

/* said now, when it is known where to log */
static void say_inactive(struct event *event)
{
	zlog_err("mgmtd_dyncast: %s", inactive);
}

/* half of it alone configures nothing, which nobody else would notice */
static void look_for_clients(struct event *event)
{
	static const struct {
		const char *path, *who;
	} wanted[] = {
		{DYNCAST_SERVICES, "bgpd -M bgpd_dyncast"},
		{DYNCAST_FORWARDING, "zebra -M zebra_dyncast"},
	};

	for (unsigned int i = 0; i < array_size(wanted); i++)
		if (!mgmt_be_interested_clients(wanted[i].path,
						MGMT_BE_XPATH_SUBSCR_TYPE_CFG,
						"dyncast"))
			zlog_warn(
				"dyncast: %s has not come: what is configured of %s waits for it",
				wanted[i].who, wanted[i].path);
}

/* the lock is kept until mgmtd ends */
static int late_init(struct event_loop *loop)
{
	static struct event *t_say, *t_look;

	if (!inactive[0] && dyncast_owner_take(frr_runstatedir) < 0)
		snprintf(
			inactive, sizeof(inactive),
			"%s/%s: %s: bgpd and zebra do not hear that mgmtd could configure them: inactive",
			frr_runstatedir, DYNCAST_OWNER_FILE,
			safe_strerror(errno));
	if (inactive[0]) {
		event_add_timer(loop, say_inactive, NULL, 1, &t_say);
		return 0;
	}
	dyncast_cli_service_init();
	dyncast_cli_router_init();
	dyncast_cli_forwarding_init();
	dyncast_load_init();
	event_add_timer(loop, look_for_clients, NULL, CLIENTS_WAIT, &t_look);
	return 0;
}

static int module_init(void)
{
	if (daemon_check() && model_check())
		model_add();
	hook_register(frr_late_init, late_init);
	return 0;
}

FRR_MODULE_SETUP(.name = "mgmtd_dyncast", .version = DYNCAST_BUILT_FOR,
		 .description = "compute-aware anycast (Dyncast)",
		 .init = module_init, );
