// SPDX-License-Identifier: GPL-2.0-or-later
/* See confirm.h.  For each daemon two files: NAME.before, and NAME.made, which
 * is what FRR said afterwards. */

#include "confirm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void path_make(char *path, size_t size,
		      const struct dyncast_owner *owner, const char *what)
{
	snprintf(path, size, "%s/%s.%s", dyncast_frr_rundir(), owner->container,
		 what);
}

/* false with errno */
static bool file_write(const struct dyncast_owner *owner, const char *what,
		       const char *text)
{
	char path[128];
	FILE *file;
	bool ok;

	path_make(path, sizeof(path), owner, what);
	file = fopen(path, "we");
	if (!file)
		return false;
	ok = fputs(text, file) >= 0;
	return fclose(file) == 0 && ok;
}

/* NULL: there is none */
static char *file_read(const struct dyncast_owner *owner, const char *what)
{
	char path[128], *text = NULL;
	size_t size = 0;
	FILE *file;

	path_make(path, sizeof(path), owner, what);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	/* XML has no such byte */
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static void files_remove(const struct dyncast_owner *owner)
{
	char path[128];

	path_make(path, sizeof(path), owner, "before");
	unlink(path);
	path_make(path, sizeof(path), owner, "made");
	unlink(path);
}

static bool left; /* something is to be restored, and could not be yet */

/* whether FRR is as an unconfirmed commit has left it */
static bool as_made(const struct dyncast_owner *owner, const char *said)
{
	char *made = file_read(owner, "made");
	bool same = made && said && !strcmp(made, said);

	free(made);
	return same;
}

bool dyncast_confirm_keep(const struct dyncast_owner *owner, char *error)
{
	/* one that goes on: back to where the first began */
	if (!owner->running || as_made(owner, owner->said))
		return true;
	files_remove(owner);
	if (file_write(owner, "before", owner->running))
		return true;
	snprintf(error, DYNCAST_ERROR_SIZE,
		 "the configuration of before cannot be kept in %s: %s",
		 dyncast_frr_rundir(), strerror(errno));
	return false;
}

void dyncast_confirm_made(const struct dyncast_owner *owner)
{
	if (owner->said)
		file_write(owner, "made", owner->said);
}

void dyncast_confirm_end(void)
{
	left = false;
	for (int i = 0; i < DYNCAST_OWNERS; i++)
		files_remove(&dyncast_owners[i]);
}

/* What FRR did not take, or did not answer for, stays to be tried again. */
static bool owner_restore(const struct dyncast_owner *owner, char *error)
{
	char *before = file_read(owner, "before"), *said = NULL;
	char why[DYNCAST_ERROR_SIZE];
	bool done = false, over = !before;

	if (before)
		said = dyncast_frr_config(owner, why);
	if (as_made(owner, said))
		over = done = dyncast_frr_load(owner, before, false, why);
	else if (said)
		over = true;
	if (over)
		files_remove(owner);
	else
		snprintf(error, DYNCAST_ERROR_SIZE, "%s", why);
	left = left || !over;
	free(said);
	free(before);
	return done;
}

bool dyncast_confirm_restore(char *error)
{
	bool done = false;

	*error = '\0';
	left = false;
	for (int i = 0; i < DYNCAST_OWNERS; i++)
		done |= owner_restore(&dyncast_owners[i], error);
	return done;
}

bool dyncast_confirm_left(void)
{
	return left;
}
