// SPDX-License-Identifier: GPL-2.0-or-later
/* See file.h. */

#include <zebra.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/memory.h"
#include "lib/vty.h"
#include "lib/yang.h"

#include "file.h"

/* thousands of services; what is larger was not meant */
#define FILE_MAX (64 << 20)

char *dyncast_file_read(struct vty *vty, const char *path)
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

LYD_FORMAT dyncast_file_format(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '<' ? LYD_XML : LYD_JSON;
}

struct lyd_node *dyncast_file_parse(struct vty *vty, const char *text,
				    const char *name)
{
	LYD_FORMAT format = dyncast_file_format(text);
	struct lyd_node *tree = NULL, *node;

	if (lyd_parse_data_mem(ly_native_ctx, text, format,
			       LYD_PARSE_ONLY | LYD_PARSE_STRICT |
				       LYD_PARSE_NO_STATE,
			       0, &tree)) {
		vty_out(vty, "%% dyncast: %s\n", ly_errmsg(ly_native_ctx));
		return NULL;
	}
	LY_LIST_FOR (tree, node) {
		if (!strcmp(node->schema->module->name, "frr-dyncast") &&
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
