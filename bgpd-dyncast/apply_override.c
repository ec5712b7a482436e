// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Validates and applies what the operator says of a service in place of the
 * metrics: pin, caps, dry run; see apply.h.  It is of this router alone: it
 * goes to zebra with the service's set and never into the attribute. bgpd's
 * main thread.
 */

#include "apply_internal.h"
#include "../lib/override.h"

bool dyncast_apply_pin(struct dyncast_apply *apply, const char *name,
		       const struct dyncast_addr *site)
{
	static const struct dyncast_addr none;
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(apply, name, !site) &&
		       dyncast_apply_site_valid(apply, site);
	service = dyncast_service_get(name);
	service->override.pinned = site != NULL;
	service->override.pin = site ? *site : none;
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_cap(struct dyncast_apply *apply, const char *name,
		       const struct dyncast_addr *site, uint8_t percent)
{
	struct dyncast_service *service = dyncast_service_find(name);

	if (apply->phase == DYNCAST_VALIDATE) {
		if (!dyncast_apply_service_check(apply, name, false) ||
		    !dyncast_apply_site_valid(apply, site))
			return false;
		if (percent > 100)
			return dyncast_apply_refuse(apply,
						    "a cap is 0-100 percent");
		if (service && service->override.n_caps == DYNCAST_CAPS_MAX &&
		    !dyncast_override_cap(&service->override, site))
			return dyncast_apply_refuse(
				apply, "at most %u sites can have a cap",
				DYNCAST_CAPS_MAX);
		return true;
	}
	service = dyncast_service_get(name);
	dyncast_override_cap_set(&service->override, site, percent);
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_cap_remove(struct dyncast_apply *apply, const char *name,
			      const struct dyncast_addr *site)
{
	struct dyncast_service *service = dyncast_service_find(name);

	if (apply->phase == DYNCAST_VALIDATE) {
		if (!dyncast_apply_service_check(apply, name, true))
			return false;
		if (!dyncast_override_cap(&service->override, site))
			return dyncast_apply_refuse(apply,
						    "this site has no cap");
		return true;
	}
	dyncast_override_cap_remove(&service->override, site);
	dyncast_apply_service_changed(service);
	return true;
}

bool dyncast_apply_dry_run(struct dyncast_apply *apply, const char *name,
			   bool dry_run)
{
	struct dyncast_service *service;

	if (apply->phase == DYNCAST_VALIDATE)
		return dyncast_apply_service_check(apply, name, !dry_run);
	service = dyncast_service_get(name);
	service->override.dry_run = dry_run;
	dyncast_apply_service_changed(service);
	return true;
}
