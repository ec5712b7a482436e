/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of frr-dyncast.yang that a daemon owns, in that daemon's northbound:
 * the model is registered after the daemon has initialised its own, and data
 * stores follow what the command line does.
 *
 * There is one truth: the module's own state, which apply functions alone
 * change.  A commit calls them (`check`, then `apply`); a command calls them
 * too, and then dyncast_nb_sync() writes what has become of the state into the
 * running configuration and the shared candidate.
 *
 * Without the model - libyang refuses it, say - everything else works.  Main
 * thread of either daemon.
 */

#ifndef DYNCAST_YANG_NORTHBOUND_H
#define DYNCAST_YANG_NORTHBOUND_H

#include "lib/northbound.h"

struct dyncast_nb_list {
	const char *path; /* below the container */
	const void *(*get_next)(struct nb_cb_get_next_args *args);
	int (*get_keys)(struct nb_cb_get_keys_args *args);
	const void *(*lookup_entry)(struct nb_cb_lookup_entry_args *args);
};

struct dyncast_nb {
	const char *container; /* "services": the one that this daemon owns */
	const char *other;     /* and whose is the other one */
	const char *other_owner;
	/* what the model cannot say of a configuration that it holds valid;
	 * false with a sentence in error refuses it */
	bool (*check)(const struct lyd_node *container, char *error,
		      size_t size);
	/* make it so; cannot fail */
	void (*apply)(const struct lyd_node *container);
	/* the leaf's name, for dispatch; state leaves only */
	struct yang_data *(*get)(const char *leaf,
				 struct nb_cb_get_elem_args *args);
	const struct dyncast_nb_list *lists; /* path NULL ends */
	const char *rpc;		     /* may be NULL */
	int (*rpc_call)(struct nb_cb_rpc_args *args);
};

/* once, in the module's late_init; logs when it does not work */
void dyncast_nb_init(const struct dyncast_nb *nb);
bool dyncast_nb_active(void);

/* The state has changed by a command: `write` changes the container of a data
 * store accordingly, default leaves included, and is called for each. */
typedef void dyncast_nb_write_fn(struct lyd_node *container, const void *arg);
void dyncast_nb_sync(dyncast_nb_write_fn *write, const void *arg);
/* It will be told later, before the next event: a private candidate that was
 * made before has to be updated from now on. */
void dyncast_nb_touch(void);

/* load.c: a file in place of the container, JSON or XML; check_only changes
 * nothing.  Returns a command's result. */
int dyncast_nb_load(struct vty *vty, const char *path, bool check_only);
/* for load.c: while active */
const char *dyncast_nb_container(void);
/* container, which config then owns, takes the place of the one that it has */
void dyncast_nb_replace(struct nb_config *config, struct lyd_node *container);
/* shared candidates have what is running */
void dyncast_nb_refresh(void);

/* for managed.c: data stores forget our container, the state stays; .. */
void dyncast_nb_empty(void);
/* .. and becomes what is running */
void dyncast_nb_apply_running(void);
/* there is anything but defaults */
bool dyncast_nb_running_set(void);

/* names and values in turn, NULL ends; a NULL value leaves the leaf out */
void dyncast_nb_notify(const char *notification, ...);

/* value of an input leaf of an RPC, or NULL */
const char *dyncast_nb_input(const struct nb_cb_rpc_args *args,
			     const char *leaf);

#endif /* DYNCAST_YANG_NORTHBOUND_H */
