// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers frr-dyncast.yang in a running daemon's northbound, and keeps its
 * data stores in agreement with the module's state; see northbound.h.
 *
 * libfrr registers models before modules run their late hooks, so nodes are
 * made here as libfrr makes them: with its own memory type, because it frees
 * them, and only for the container that this daemon owns, because a node
 * without callbacks must not be committed to.
 */

#include <zebra.h>

#include "lib/lib_errors.h"
#include "lib/log.h"
#include "lib/memory.h"

#include "northbound.h"
#include "managed.h"
#include "notifications.h"
#include "compat.h"

#define MODEL "frr-dyncast"
#define MANAGED                                                                \
	"mgmtd has the configuration (mgmtd_dyncast is loaded there): change it there, which vtysh does by itself"

static const struct dyncast_nb *owner; /* NULL: inactive */
static struct memtype *nb_node_type;
static const struct lys_module *model;
/* the container of the configuration that is being committed, until it has
 * been checked */
static const struct lyd_node *unchecked;

bool dyncast_nb_active(void)
{
	return owner != NULL;
}

const char *dyncast_nb_container(void)
{
	return owner->container;
}

/* ---- callbacks for configuration -----------------------------------------
 * A commit is checked and applied as a whole: its changes depend on each other
 * (an address moves from one instance to another), and the apply functions
 * compare with what there is anyway. */

static const struct lyd_node *container_find(const struct lyd_node *first,
					     const char *name)
{
	const struct lyd_node *node;

	LY_LIST_FOR (lyd_first_sibling(first), node) {
		if (node->schema && node->schema->module == model &&
		    !strcmp(node->schema->name, name))
			return node;
	}
	return NULL;
}

/* the container of a data store, made when it is not there: a file that was
 * loaded instead of the candidate may lack it */
static struct lyd_node *container_get(struct nb_config *config)
{
	struct lyd_node *node = (struct lyd_node *)container_find(
		config->dnode, owner->container);

	if (node)
		return node;
	if (lyd_new_inner(NULL, model, owner->container, 0, &node))
		return NULL;
	lyd_new_implicit_tree(node, LYD_IMPLICIT_NO_STATE, NULL);
	/* libfrr takes dnode for the first of its siblings */
	lyd_insert_sibling(config->dnode, node, &config->dnode);
	return node;
}

/* Is there anything but defaults?  The mark of a container does not tell: what
 * a file is merged into keeps it. */
static bool is_set(const struct lyd_node *container)
{
	const struct lyd_node *node;

	LYD_TREE_DFS_BEGIN (container, node) {
		if (node->schema->nodetype != LYS_CONTAINER &&
		    !(node->flags & LYD_DEFAULT) &&
		    !(dyncast_managed() && lyd_is_default(node)))
			return true;
		LYD_TREE_DFS_END(container, node);
	}
	return false;
}

/* before anything else of a commit, also of one that is not about us */
static int pre_validate(struct nb_cb_pre_validate_args *args)
{
	const struct lyd_node *other =
		container_find(args->dnode, owner->other);

	unchecked = args->dnode;
	dyncast_managed_validating();
	if (!other || !is_set(other))
		return NB_OK;
	snprintf(args->errmsg, args->errmsg_len,
		 "/" MODEL ":%s is configured in %s", owner->other,
		 owner->other_owner);
	return NB_ERR_VALIDATION;
}

/* user: the vty, none when it is mgmtd that commits */
static int changed(enum nb_event event, const void *user, char *error,
		   size_t size)
{
	const struct lyd_node *container = unchecked;

	if (event != NB_EV_VALIDATE || !container)
		return NB_OK;
	unchecked = NULL;
	if (user && dyncast_managed()) {
		snprintf(error, size, MANAGED);
		return NB_ERR_VALIDATION;
	}
	if (owner->check(container, error, size))
		return NB_OK;
	/* mgmtd has accepted it while this daemon was not there, and sends
	 * from now on what differs from it: a part is more than nothing */
	if (!dyncast_managed_resyncing())
		return NB_ERR_VALIDATION;
	zlog_err("dyncast: what mgmtd has is not possible here: %s", error);
	error[0] = '\0';
	return NB_OK;
}

static int created(struct nb_cb_create_args *args)
{
	return changed(args->event, args->context->user, args->errmsg,
		       args->errmsg_len);
}

static int modified(struct nb_cb_modify_args *args)
{
	return changed(args->event, args->context->user, args->errmsg,
		       args->errmsg_len);
}

static int destroyed(struct nb_cb_destroy_args *args)
{
	return changed(args->event, args->context->user, args->errmsg,
		       args->errmsg_len);
}

static void apply_finish(struct nb_cb_apply_finish_args *args)
{
	owner->apply(args->dnode);
	dyncast_managed_applied();
}

static struct yang_data *get_elem(struct nb_cb_get_elem_args *args)
{
	const char *leaf = strrchr(args->xpath, '/');

	return owner->get(leaf ? leaf + 1 : args->xpath, args);
}

/* ---- registration ---------------------------------------------------------
 */

static int find_type(void *arg, struct memgroup *mg, struct memtype *mt)
{
	if (mt && !strcmp(mt->name, "Northbound Node"))
		nb_node_type = mt;
	return 0;
}

static bool is_owned(const struct lysc_node *snode)
{
	while (snode->parent)
		snode = snode->parent;
	switch (snode->nodetype) {
	case LYS_CONTAINER:
		return !strcmp(snode->name, owner->container);
	case LYS_RPC:
		return owner->rpc && !strcmp(snode->name, owner->rpc);
	default:
		return true;
	}
}

static int has_state(const struct lysc_node *snode, void *arg)
{
	if (!(snode->flags & LYS_CONFIG_R))
		return YANG_ITER_CONTINUE;
	*(bool *)arg = true;
	return YANG_ITER_STOP;
}

static void callbacks_set(struct nb_node *node, const struct lysc_node *snode)
{
	const struct dyncast_nb_list *list;
	char path[XPATH_MAXLEN];

	if (dyncast_nb_has(CREATE, snode))
		node->cbs.create = created;
	if (dyncast_nb_has(MODIFY, snode))
		node->cbs.modify = modified;
	if (dyncast_nb_has(DESTROY, snode))
		node->cbs.destroy = destroyed;
	if (dyncast_nb_has(GET_ELEM, snode))
		node->cbs.get_elem = get_elem;
	if (snode->nodetype == LYS_RPC)
		node->cbs.rpc = owner->rpc_call;
	if (snode->nodetype == LYS_CONTAINER && !snode->parent) {
		node->cbs.pre_validate = pre_validate;
		node->cbs.apply_finish = apply_finish;
	}
	for (list = owner->lists; list && list->path; list++) {
		snprintf(path, sizeof(path), "/" MODEL ":%s/%s",
			 owner->container, list->path);
		if (strcmp(path, node->xpath))
			continue;
		node->cbs.get_next = list->get_next;
		node->cbs.get_keys = list->get_keys;
		node->cbs.lookup_entry = list->lookup_entry;
	}
}

static int node_new(const struct lysc_node *snode, void *arg)
{
	struct lysc_node *parent = yang_snode_real_parent(snode);
	struct lysc_node *list = yang_snode_parent_list(snode);
	struct nb_node *node;
	bool state = false;

	if (snode->priv || !is_owned(snode))
		return YANG_ITER_CONTINUE;
	node = XCALLOC(nb_node_type, sizeof(*node));
	yang_snode_get_path(snode, YANG_PATH_DATA, node->xpath,
			    sizeof(node->xpath));
	node->priority = NB_DFLT_PRIORITY;
	node->parent = parent ? parent->priv : NULL;
	node->parent_list = list ? list->priv : NULL;
	yang_snodes_iterate_subtree(snode, NULL, has_state, 0, &state);
	if ((snode->nodetype & (LYS_CONTAINER | LYS_LIST)) && !state)
		SET_FLAG(node->flags, F_NB_NODE_CONFIG_ONLY);
	node->snode = snode;
	((struct lysc_node *)snode)->priv = node;
	callbacks_set(node, snode);
	return YANG_ITER_CONTINUE;
}

void dyncast_nb_replace(struct nb_config *config, struct lyd_node *container)
{
	struct lyd_node *old = (struct lyd_node *)container_find(
		config->dnode, owner->container);

	/* first the new one, so that there is always a first sibling */
	lyd_insert_sibling(config->dnode, container, &config->dnode);
	if (!old)
		return;
	if (config->dnode == old)
		config->dnode = old->next;
	lyd_free_tree(old);
}

/* the container itself stays: one that libyang makes anew may become the first
 * of its siblings, and libfrr would not notice */
static void container_empty(struct nb_config *config)
{
	struct lyd_node *child, *next, *node = container_get(config);

	LY_LIST_FOR_SAFE(lyd_child(node), next, child)
	{
		lyd_free_tree(child);
	}
}

void dyncast_nb_empty(void)
{
	struct nb_config *candidates[] = dyncast_nb_candidates;

	container_empty(running_config);
	for (unsigned int i = 0; i < array_size(candidates); i++)
		if (candidates[i] && candidates[i]->dnode)
			container_empty(candidates[i]);
}

bool dyncast_nb_running_set(void)
{
	const struct lyd_node *container = container_get(running_config);

	return container && is_set(container);
}

void dyncast_nb_apply_running(void)
{
	struct lyd_node *container = container_get(running_config);

	if (container)
		owner->apply(container);
}

bool dyncast_managed_refuse(struct vty *vty)
{
	if (!dyncast_managed())
		return false;
	vty_out(vty, "%% dyncast: " MANAGED "\n");
	return true;
}

void dyncast_nb_refresh(void)
{
	struct nb_config *candidates[] = dyncast_nb_candidates;
	const struct lyd_node *container =
		container_find(running_config->dnode, owner->container);
	struct lyd_node *copy;

	for (unsigned int i = 0; i < array_size(candidates); i++) {
		if (!candidates[i] || !candidates[i]->dnode ||
		    lyd_dup_single(container, NULL,
				   LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS,
				   &copy))
			continue;
		dyncast_nb_replace(candidates[i], copy);
		candidates[i]->version = running_config->version;
	}
}

void dyncast_nb_init(const struct dyncast_nb *nb)
{
	struct nb_config *candidates[] = dyncast_nb_candidates;
	struct yang_module *module;

	qmem_walk(find_type, NULL);
	/* yang_module_load() would end the daemon when it fails */
	model = ly_native_ctx && nb_node_type && running_config
			? ly_ctx_load_module(ly_native_ctx, MODEL, NULL, NULL)
			: NULL;
	if (!model || yang_module_find(MODEL)) {
		zlog_warn(
			"dyncast: the YANG model is not available (%s): commands work, the northbound does not know Dyncast",
			model		? "it is registered already"
			: ly_native_ctx ? ly_errmsg(ly_native_ctx)
					: "no libyang context");
		return;
	}
	module = dyncast_yang_module_load(MODEL);
	owner = nb;
	yang_snodes_iterate(module->info, node_new, 0, NULL);
	container_get(running_config);
	for (unsigned int i = 0; i < array_size(candidates); i++)
		if (candidates[i] && candidates[i]->dnode)
			container_get(candidates[i]);
}

/* ---- what the command line did --------------------------------------------
 */

static void write_store(struct nb_config *config, dyncast_nb_write_fn *write,
			const void *arg)
{
	struct lyd_node *container = container_get(config);

	if (container)
		write(container, arg);
}

void dyncast_nb_touch(void)
{
	struct nb_config *candidates[] = dyncast_nb_candidates;
	uint32_t before;

	if (!owner)
		return;
	before = running_config->version++;
	for (unsigned int i = 0; i < array_size(candidates); i++)
		if (candidates[i] && candidates[i]->version == before)
			candidates[i]->version = running_config->version;
}

void dyncast_nb_sync(dyncast_nb_write_fn *write, const void *arg)
{
	struct nb_config *candidates[] = dyncast_nb_candidates;

	if (!owner)
		return;
	dyncast_nb_touch();
	write_store(running_config, write, arg);
	for (unsigned int i = 0; i < array_size(candidates); i++)
		if (candidates[i] && candidates[i]->dnode)
			write_store(candidates[i], write, arg);
}

/* ---- notifications and RPCs -----------------------------------------------
 */

void dyncast_nb_notify(const char *notification, ...)
{
	char xpath[XPATH_MAXLEN], leaf_path[XPATH_MAXLEN + 64];
	const char *leaf, *value;
	struct list *arguments;
	va_list ap;

	va_start(ap, notification);
	dyncast_notifications_note(notification, ap);
	va_end(ap);
	if (!owner)
		return;
	snprintf(xpath, sizeof(xpath), "/" MODEL ":%s", notification);
	arguments = yang_data_list_new();
	va_start(ap, notification);
	while ((leaf = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (!value)
			continue;
		snprintf(leaf_path, sizeof(leaf_path), "%s/%s", xpath, leaf);
		listnode_add(arguments, yang_data_new(leaf_path, value));
	}
	va_end(ap);
	nb_notification_send(xpath, arguments);
}

#ifdef DYNCAST_NB_RPC_TREE
const char *dyncast_nb_input(const struct nb_cb_rpc_args *args,
			     const char *leaf)
{
	const struct lyd_node *child;

	LY_LIST_FOR (lyd_child(args->input), child) {
		if (!strcmp(child->schema->name, leaf))
			return lyd_get_value(child);
	}
	return NULL;
}
#else
const char *dyncast_nb_input(const struct nb_cb_rpc_args *args,
			     const char *leaf)
{
	const struct yang_data *data = yang_data_list_find(
		args->input, "%s/input/%s", args->xpath, leaf);

	return data ? data->value : NULL;
}
#endif
