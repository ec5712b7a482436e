// SPDX-License-Identifier: GPL-2.0-or-later
/* See sync.h. */

#include "sync.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confirm.h"
#include "frr.h"
#include "text.h"

static ncx_module_t *model;

status_t dyncast_sync_init(void)
{
	return ncxmod_load_module(DYNCAST_MODEL, NULL,
				  &agt_get_profile()->agt_savedevQ, &model);
}

void dyncast_sync_cleanup(void)
{
	struct dyncast_owner *owner;

	for (owner = dyncast_owners; owner < dyncast_owners + DYNCAST_OWNERS;
	     owner++) {
		free(owner->said);
		free(owner->running);
		free(owner->pending);
		owner->said = owner->running = owner->pending = NULL;
	}
}

obj_template_t *dyncast_sync_obj(const char *container)
{
	return ncx_find_object(model, (const xmlChar *)container);
}

static void set(char **to, char *text)
{
	free(*to);
	*to = text;
}

static val_value_t *part_of(val_value_t *root, const char *container)
{
	return root ? val_find_child(root, DYNCAST_MODEL,
				     (const xmlChar *)container)
		    : NULL;
}

/* true when `running` has changed by it */
static bool owner_sync(struct dyncast_owner *owner, val_value_t *root)
{
	char error[DYNCAST_ERROR_SIZE], *said;
	val_value_t *old, *new;

	said = dyncast_frr_config(owner, error);
	if (!said) {
		log_warn("\nfrr-dyncast: %s", error);
		return false;
	}
	if (owner->said && !owner->spelt && !strcmp(said, owner->said)) {
		free(said);
		return false;
	}
	new = dyncast_text_read(said, dyncast_sync_obj(owner->container));
	if (!new) {
		free(said);
		return false;
	}
	old = part_of(root, owner->container);
	if (old) {
		val_remove_child(old);
		val_free_value(old);
	}
	val_add_child(new, root);
	set(&owner->said, said);
	set(&owner->running, dyncast_text_write(owner->container, new));
	owner->spelt = false;
	return true;
}

void dyncast_sync(void)
{
	cfg_template_t *running = cfg_get_config_id(NCX_CFGID_RUNNING);
	cfg_template_t *candidate = cfg_get_config_id(NCX_CFGID_CANDIDATE);
	bool changed = false;

	if (!running || !running->root)
		return;
	for (int i = 0; i < DYNCAST_OWNERS; i++)
		changed |= owner_sync(&dyncast_owners[i], running->root);
	if (changed && candidate && candidate->root &&
	    !cfg_get_dirty_flag(candidate))
		cfg_fill_candidate_from_running();
}

/* false with a sentence in error */
static bool owner_check(struct dyncast_owner *owner, val_value_t *root,
			char *error)
{
	char *want, *said;
	bool ok;

	want = dyncast_text_write(owner->container,
				  part_of(root, owner->container));
	if (!want) {
		snprintf(error, DYNCAST_ERROR_SIZE, "no memory");
		return false;
	}
	if (owner->running && !strcmp(want, owner->running)) {
		free(want);
		return true;
	}
	said = dyncast_frr_config(owner, error);
	ok = said != NULL;
	if (ok && (!owner->said || strcmp(said, owner->said))) {
		snprintf(
			error, DYNCAST_ERROR_SIZE,
			"%s was configured by its command line meanwhile: discard the changes, and edit again",
			owner->daemon);
		ok = false;
	}
	free(said);
	ok = ok && dyncast_frr_load(owner, want, true, error);
	if (ok)
		set(&owner->pending, want);
	else
		free(want);
	return ok;
}

bool dyncast_sync_check(val_value_t *root, char *error)
{
	dyncast_sync_forget();
	for (int i = 0; i < DYNCAST_OWNERS; i++)
		if (!owner_check(&dyncast_owners[i], root, error)) {
			dyncast_sync_forget();
			return false;
		}
	return true;
}

void dyncast_sync_forget(void)
{
	for (int i = 0; i < DYNCAST_OWNERS; i++)
		set(&dyncast_owners[i].pending, NULL);
}

/* FRR has `text`, and says it in its own words: an address that was written
 * otherwise is a key by which no client would find it */
static void owner_has(struct dyncast_owner *owner, char *text)
{
	char error[DYNCAST_ERROR_SIZE];

	set(&owner->running, text);
	set(&owner->said, dyncast_frr_config(owner, error));
	owner->spelt = true;
}

/* of all that the commit concerns; false with a sentence in error */
static bool before_kept(char *error)
{
	for (int i = 0; i < DYNCAST_OWNERS; i++)
		if (dyncast_owners[i].pending &&
		    !dyncast_confirm_keep(&dyncast_owners[i], error))
			return false;
	return true;
}

bool dyncast_sync_push(char *error)
{
	/* netconfd knows this before it commits */
	bool unconfirmed = agt_ncx_cc_active();
	char other[DYNCAST_ERROR_SIZE];
	int i, j;

	if (unconfirmed && !before_kept(error))
		return false;
	for (i = 0; i < DYNCAST_OWNERS; i++) {
		struct dyncast_owner *owner = &dyncast_owners[i];

		if (owner->pending &&
		    !dyncast_frr_load(owner, owner->pending, false, error))
			break;
	}
	/* what the daemons before have taken is taken back */
	for (j = 0; i < DYNCAST_OWNERS && j < i; j++)
		if (dyncast_owners[j].pending && dyncast_owners[j].running &&
		    !dyncast_frr_load(&dyncast_owners[j],
				      dyncast_owners[j].running, false, other))
			log_error(
				"\nfrr-dyncast: %s keeps a commit that failed: %s",
				dyncast_owners[j].daemon, other);
	for (j = 0; i == DYNCAST_OWNERS && j < i; j++)
		if (dyncast_owners[j].pending) {
			owner_has(&dyncast_owners[j],
				  dyncast_owners[j].pending);
			dyncast_owners[j].pending = NULL;
			if (unconfirmed)
				dyncast_confirm_made(&dyncast_owners[j]);
		}
	dyncast_sync_forget();
	return i == DYNCAST_OWNERS;
}

/* false when the command line has been there */
static bool said_the_same(const struct dyncast_owner *owner)
{
	char error[DYNCAST_ERROR_SIZE];
	char *said = dyncast_frr_config(owner, error);
	bool same = said && owner->said && !strcmp(said, owner->said);

	free(said);
	return same;
}

void dyncast_sync_settle(void)
{
	cfg_template_t *running = cfg_get_config_id(NCX_CFGID_RUNNING);
	char error[DYNCAST_ERROR_SIZE];

	if (!running || !running->root)
		return;
	for (int i = 0; i < DYNCAST_OWNERS; i++) {
		struct dyncast_owner *owner = &dyncast_owners[i];
		char *text = dyncast_text_write(
			owner->container,
			part_of(running->root, owner->container));

		if (!text || !owner->running || !strcmp(text, owner->running) ||
		    !said_the_same(owner)) {
			free(text);
			continue;
		}
		if (dyncast_frr_load(owner, text, false, error)) {
			owner_has(owner, text);
			continue;
		}
		log_error(
			"\nfrr-dyncast: %s does not take what was committed: %s",
			owner->daemon, error);
		free(text);
		/* FRR's is the truth */
		set(&owner->said, NULL);
	}
	dyncast_sync_forget();
}
