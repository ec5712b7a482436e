// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What can be said of a command by its words alone, so that mgmtd's module,
 * which knows no state, says the same.  Main thread of bgpd, or of mgmtd.
 */

#include "apply_internal.h"

bool dyncast_apply_refuse(struct dyncast_apply *apply, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintfrr(apply->error, sizeof(apply->error), format, ap);
	va_end(ap);
	return false;
}

bool dyncast_apply_names_valid(struct dyncast_apply *apply, const char *name,
			       const char *instance)
{
	if (!dyncast_name_valid(name))
		return dyncast_apply_refuse(
			apply,
			"service name: 1-31 characters of A-Z a-z 0-9 _ . -");
	if (instance && !dyncast_name_valid(instance))
		return dyncast_apply_refuse(
			apply,
			"instance name: 1-31 characters of A-Z a-z 0-9 _ . -");
	return true;
}

bool dyncast_apply_site_valid(struct dyncast_apply *apply,
			      const struct dyncast_addr *site)
{
	if (!site || !site->family || dyncast_addr_is_unicast(site))
		return true;
	return dyncast_apply_refuse(
		apply,
		"a site is named by the BGP next hop of its routes, a unicast address (see `show dyncast service`), or by `local`");
}
