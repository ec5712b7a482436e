// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A northbound client for tests, loaded into a daemon with -M: FRR as Debian
 * builds it has none in the daemon itself that can call an RPC or hear a
 * notification.
 *
 *   test-northbound rpc NAME [service VALUE] [instance VALUE]
 *
 * calls an RPC of frr-dyncast; notifications are logged, "test-northbound:"
 * before them, with their leaves.  Main thread; not installed.
 */

#include <zebra.h>

#include "lib/command.h"
#include "lib/hook.h"
#include "lib/libfrr.h"
#include "lib/log.h"
#include "lib/module.h"
#include "lib/northbound.h"
#include "lib/northbound_cli.h"
#include "lib/version.h"

#include "../../yang/compat.h"

#ifndef DYNCAST_NB_RPC_TREE
#define event_loop thread_master
#endif

DEFUN(test_northbound_rpc, test_northbound_rpc_cmd,
      "test-northbound rpc WORD [service WORD] [instance WORD]",
      "Test\n"
      "Call an RPC\n"
      "Its name\n"
      "Leaf\n"
      "Value\n"
      "Leaf\n"
      "Value\n")
{
	char xpath[XPATH_MAXLEN];

	snprintf(xpath, sizeof(xpath), "/frr-dyncast:%s", argv[2]->arg);
#ifdef DYNCAST_NB_RPC_TREE
	for (int i = 3; i + 1 < argc; i += 2)
		nb_cli_rpc_enqueue(vty, argv[i]->arg, argv[i + 1]->arg);
	return nb_cli_rpc(vty, xpath, NULL);
#else
	struct list *input = yang_data_list_new();
	struct list *output = yang_data_list_new();
	char leaf[XPATH_MAXLEN + 64];
	int result;

	for (int i = 3; i + 1 < argc; i += 2) {
		snprintf(leaf, sizeof(leaf), "%s/input/%s", xpath,
			 argv[i]->arg);
		listnode_add(input, yang_data_new(leaf, argv[i + 1]->arg));
	}
	result = nb_cli_rpc(vty, xpath, input, output);
	list_delete(&input);
	list_delete(&output);
	return result;
#endif
}

static int heard(const char *xpath, struct list *arguments)
{
	struct listnode *node;
	struct yang_data *data;
	char text[1024] = "";

	for (ALL_LIST_ELEMENTS_RO(arguments, node, data)) {
		strlcat(text, " ", sizeof(text));
		strlcat(text, strrchr(data->xpath, '/') + 1, sizeof(text));
		strlcat(text, "=", sizeof(text));
		strlcat(text, data->value, sizeof(text));
	}
	zlog_info("test-northbound: %s%s", xpath, text);
	return 0;
}

static int late_init(struct event_loop *loop)
{
	install_element(ENABLE_NODE, &test_northbound_rpc_cmd);
	hook_register(nb_notification_send, heard);
	return 0;
}

static int module_init(void)
{
	hook_register(frr_late_init, late_init);
	return 0;
}

FRR_MODULE_SETUP(.name = "test_northbound", .version = FRR_VERSION,
		 .description = "northbound client for tests",
		 .init = module_init, );
