// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loaded into a daemon with -M before the module that is tested, it makes
 * libyang refuse frr-dyncast: this text is found first.  Not installed.
 */

#include <zebra.h>

#include "lib/module.h"
#include "lib/version.h"
#include "lib/yang.h"

static struct yang_module_embed spoiled = {
	.mod_name = "frr-dyncast",
	.mod_rev = "2026-12-01",
	.sub_mod_name = "",
	.sub_mod_rev = "",
	.data = "module frr-dyncast { namespace \"urn:spoiled\"; prefix s; leaf x { type nothing; } }",
	.format = LYS_IN_YANG,
};

static int module_init(void)
{
	yang_module_embed(&spoiled);
	return 0;
}

FRR_MODULE_SETUP(.name = "test_spoiled_model", .version = FRR_VERSION,
		 .description = "a model that libyang refuses",
		 .init = module_init, );
