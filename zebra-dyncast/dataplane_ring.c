// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rings: the slots of each service, which the program reads while they are
 * written, one word at a time.  The rules of a slot are in
 * lib/bpf/dyncast_map.h, what the program makes of them in dyncast_place.h.
 * zebra's main thread.
 */

#include "dataplane_port.h"

#include "dataplane_internal.h"

/* a slot or a pin that stays for longer costs the program a look at the clock,
 * or at the flow table, and nothing else */
#define SLOTS_EACH_S 4
#define PINS_EACH_S 16

/* its flows are to go elsewhere, also those that have no entry */
static bool voided(uint32_t id)
{
	return id < dyncast_dp.instances_max &&
	       (dyncast_dp.instances[id].flags & DYNCAST_MAP_INSTANCE_VOIDED);
}

bool dyncast_dp_ring_get(int service, uint32_t ring[DYNCAST_RING_SLOTS])
{
	bool any = false;

	if (!dyncast_dp_service_known(service))
		return false;
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		ring[i] = dyncast_dp_slots(service)[i].cur;
		any |= ring[i] != 0;
	}
	return any;
}

/* nobody who began before the last change can still be there */
static bool slot_rests(const struct dyncast_dp_service_entry *service,
		       union dyncast_map_slot slot, uint32_t now)
{
	return !dyncast_map_slot_changed(slot, now, service->timeout_s);
}

int dyncast_dp_ring_set(int service, const uint32_t ring[DYNCAST_RING_SLOTS])
{
	uint32_t now = dyncast_dp_now();
	int written = 0;

	if (!dyncast_dp_service_known(service))
		return -1;
	dyncast_dp.services[service].moving = true;
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		union dyncast_map_slot *slot = &dyncast_dp_slots(service)[i];
		union dyncast_map_slot value = *slot;

		if (value.cur == ring[i])
			continue;
		/* A slot that moves twice within the timeout keeps the older
		 * of the two: flows there may still be from before both, and
		 * later ones have entries.  Whoever was on an empty slot was
		 * nowhere. */
		if (slot_rests(&dyncast_dp.services[service], value, now))
			value.old = value.cur;
		if (voided(value.old))
			value.old = 0;
		if (!value.old && !value.cur)
			value.old = ring[i];
		value.cur = ring[i];
		value.t_change = dyncast_map_slot_time(now);
		dyncast_dp_slot_write(slot, value);
		written++;
	}
	return written;
}

/* old = cur where the last change is over, or everywhere */
static void ring_rest(int service, bool all)
{
	uint32_t now = dyncast_dp_now();
	bool moving = false;

	if (!dyncast_dp_service_known(service))
		return;
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		union dyncast_map_slot *slot = &dyncast_dp_slots(service)[i];
		union dyncast_map_slot value = *slot;

		if (slot_rests(&dyncast_dp.services[service], value, now))
			value.t_change = 0;
		else
			moving = true;
		if (value.t_change && !all)
			continue;
		value.old = value.cur;
		if (value.word != slot->word)
			dyncast_dp_slot_write(slot, value);
	}
	dyncast_dp.services[service].moving = moving;
}

/* pins of which no flow can still be alive; the program may write meanwhile */
static void pins_rest(int service)
{
	uint32_t now = dyncast_dp_now();

	for (int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		uint32_t *pin = dyncast_dp_pin(service, i), was = *pin;

		if (was && (int32_t)(now - was) >
				   dyncast_dp.services[service].timeout_s)
			__atomic_compare_exchange_n(pin, &was, 0, false,
						    __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
}

void dyncast_dp_ring_settle(int service)
{
	if (!dyncast_dp_service_known(service))
		return;
	ring_rest(service, false);
	pins_rest(service);
}

void dyncast_dp_ring_tick(int service)
{
	uint32_t turn = dyncast_dp_now() + (uint32_t)service;

	if (!dyncast_dp_service_known(service))
		return;
	if (turn % SLOTS_EACH_S == 0 && dyncast_dp.services[service].moving)
		ring_rest(service, false);
	if (turn % PINS_EACH_S == 0)
		pins_rest(service);
}

void dyncast_dp_ring_pin(int service)
{
	uint32_t now = dyncast_dp_now();

	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		__atomic_store_n(dyncast_dp_pin(service, i), now,
				 __ATOMIC_RELAXED);
}

void dyncast_dp_ring_clear(int service)
{
	ring_rest(service, true);
}

void dyncast_dp_ring_scrub(int service, uint32_t id)
{
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		union dyncast_map_slot *slot = &dyncast_dp_slots(service)[i];
		union dyncast_map_slot value = *slot;

		if (value.cur != id && value.old != id)
			continue;
		if (value.cur == id)
			value.cur = 0;
		if (value.old == id)
			value.old = 0;
		dyncast_dp.services[service].moving = true;
		dyncast_dp_slot_write(slot, value);
	}
}

void dyncast_dp_ring_forget(int service, uint32_t id)
{
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++) {
		union dyncast_map_slot *slot = &dyncast_dp_slots(service)[i];
		union dyncast_map_slot value = *slot;

		if (value.old != id || value.cur == id)
			continue;
		value.old = 0;
		dyncast_dp.services[service].moving = true;
		dyncast_dp_slot_write(slot, value);
	}
}
