// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file in place of the container that a daemon owns, in one transaction of
 * its northbound: what candidates do in daemons with --tcli, for all the others
 * and for the NETCONF server.  What other models have configured stays.
 *
 * Main thread of either daemon; called by its command line.
 */

#include <zebra.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/command.h"
#include "lib/memory.h"

#include "northbound.h"
#include "compat.h"

/* thousands of services; what is larger was not meant */
#define FILE_MAX (64 << 20)

/* the text, NUL at its end; NULL with a sentence to the user */
static char *file_read(struct vty *vty, const char *path)
{
	struct stat st;
	ssize_t n, len = 0;
	char *text;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_MAX) {
		vty_out(vty, "%% dyncast: %s: %s\n", path,
			fd < 0		       ? strerror(errno)
			: !S_ISREG(st.st_mode) ? "is no file"
					       : "is larger than 64 MiB");
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	text = XMALLOC(MTYPE_TMP, st.st_size + 1);
	while (len < st.st_size) {
		n = read(fd, text + len, st.st_size - len);
		if (n <= 0)
			break;
		len += n;
	}
	text[len] = '\0';
	close(fd);
	return text;
}

/* only this daemon's container, and once; NULL with a sentence to the user */
static struct lyd_node *container_parse(struct vty *vty, const char *text)
{
	LYD_FORMAT format =
		text[strspn(text, " \t\r\n")] == '<' ? LYD_XML : LYD_JSON;
	const char *name = dyncast_nb_container();
	struct lyd_node *tree = NULL, *node;

	if (lyd_parse_data_mem(ly_native_ctx, text, format,
			       LYD_PARSE_ONLY | LYD_PARSE_STRICT |
				       LYD_PARSE_NO_STATE,
			       0, &tree)) {
		vty_out(vty, "%% dyncast: %s\n", ly_errmsg(ly_native_ctx));
		return NULL;
	}
	LY_LIST_FOR (tree, node) {
		if (dyncast_nb_is_model(node->schema) &&
		    !strcmp(node->schema->name, name) && !node->next &&
		    node == tree)
			return tree;
	}
	vty_out(vty,
		"%% dyncast: the file has to have /frr-dyncast:%s and nothing else\n",
		name);
	lyd_free_all(tree);
	return NULL;
}

static int transact(struct vty *vty, struct nb_config *candidate,
		    bool check_only)
{
	struct nb_context context = {.client = NB_CLIENT_CLI, .user = vty};
	char error[BUFSIZ] = "";
	int result;

	if (check_only)
		result = dyncast_nb_validate(&context, candidate, error,
					     sizeof(error));
	else
		result = dyncast_nb_commit(&context, candidate, error,
					   sizeof(error));
	if (result == NB_ERR_NO_CHANGES)
		return CMD_SUCCESS;
	if (result == NB_OK) {
		if (!check_only)
			dyncast_nb_refresh();
		return CMD_SUCCESS;
	}
	vty_out(vty, "%% dyncast: %s\n",
		error[0] ? error : nb_err_name(result));
	return CMD_WARNING;
}

int dyncast_nb_load(struct vty *vty, const char *path, bool check_only)
{
	struct nb_config *candidate;
	struct lyd_node *container;
	char *text;
	int result;

	if (!dyncast_nb_active()) {
		vty_out(vty,
			"%% dyncast: the YANG model is not available, see the log\n");
		return CMD_WARNING;
	}
	text = file_read(vty, path);
	if (!text)
		return CMD_WARNING;
	container = container_parse(vty, text);
	XFREE(MTYPE_TMP, text);
	if (!container)
		return CMD_WARNING;
	candidate = nb_config_dup(running_config);
	dyncast_nb_replace(candidate, container);
	result = transact(vty, candidate, check_only);
	nb_config_free(candidate);
	return result;
}
