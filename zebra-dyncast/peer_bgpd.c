/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conversation with bgpd_dyncast, lib/msg.h over ZAPI opaque messages.
 *
 * Opaque messages are not kept for a receiver that is not there, so either
 * side may miss some.  An epoch tells: whenever ours is new, bgpd sends every
 * set again; whenever bgpd's is new, what we hold is stale until its
 * END_OF_SYNC, or until `dyncast hold` has passed.  Our epoch is made anew
 * when our session to zebra or bgpd's ended, for then messages may be lost.
 *
 * Main thread; called by client.c.
 */

#include <zebra.h>

#include <sys/random.h>

#include "client.h"
#include "clear.h"
#include "compat.h"
#include "dataplane.h"
#include "decap.h"
#include "feedback.h"
#include "ingress.h"
#include "module.h"
#include "peer_bgpd.h"
#include "service.h"
#include "sid.h"
#include "startup.h"
#include "timer.h"
#include "../lib/msg.h"

#define ACK_MESSAGES (DYNCAST_MSG_WINDOW / 4)
#define ACK_MS 5

static struct {
	uint64_t epoch; /* ours */
	struct event *t_tick;
	struct dyncast_alarm t_ack;
	unsigned int unacknowledged;
	struct dyncast_msg_reader reader;
	bool version_logged, bad_logged;
	int64_t heard_ms; /* 0 never */
	struct dyncast_peer_status status;
} peer;

static void epoch_new(void)
{
	do {
		if (getrandom(&peer.epoch, sizeof(peer.epoch), GRND_NONBLOCK) !=
		    sizeof(peer.epoch))
			peer.epoch =
				(uint64_t)dyncast_now_ms() << 20 ^ getpid();
	} while (peer.epoch == 0);
}

static void send_msg(const struct dyncast_msg *msg)
{
	uint8_t buf[256];
	size_t len = dyncast_msg_encode(msg, buf, sizeof(buf));

	if (len)
		dyncast_client_opaque(DYNCAST_OPAQUE_TO_BGPD, buf, len);
}

static void send_hello(void)
{
	struct dyncast_msg msg = {.type = DYNCAST_MSG_HELLO};

	/* it would answer with sets */
	if (dyncast_startup_pending())
		return;
	msg.hello.epoch = peer.epoch;
	msg.hello.version = DYNCAST_MSG_VERSION;
	msg.hello.features = DYNCAST_FEATURE_SRV6;
	if (dyncast_dp_active())
		msg.hello.features |= DYNCAST_FEATURE_BPF;
	if (dyncast_services_count(&dyncast_services))
		msg.hello.features |= DYNCAST_FEATURE_KEEPS;
	send_msg(&msg);
}

static void send_ack(void *arg)
{
	struct dyncast_msg msg = {.type = DYNCAST_MSG_ACK,
				  .sequence = peer.status.acknowledged};

	(void)arg;
	peer.unacknowledged = 0;
	send_msg(&msg);
}

/* one acknowledgement for all that came within a moment, or for so many that
 * bgpd's window does not close */
static void acknowledge(uint32_t sequence)
{
	peer.status.acknowledged = sequence;
	if (++peer.unacknowledged >= ACK_MESSAGES) {
		dyncast_timer_cancel(&peer.t_ack);
		send_ack(NULL);
	} else if (!peer.t_ack.set) {
		dyncast_timer_set(&peer.t_ack, send_ack, NULL, ACK_MS);
	}
}

void dyncast_peer_feedback(const struct dyncast_msg_feedback *feedback)
{
	struct dyncast_msg msg = {.type = DYNCAST_MSG_FEEDBACK,
				  .feedback = *feedback};

	send_msg(&msg);
}

static void peer_lost(const char *why)
{
	if (!peer.status.alive)
		return;
	peer.status.alive = false;
	zlog_warn(
		"dyncast: bgpd_dyncast %s: its last candidate sets are kept for the hold time",
		why);
	dyncast_service_stale_all();
}

static void receive_hello(const struct dyncast_msg_hello *hello)
{
	bool alive = peer.status.alive;

	peer.heard_ms = dyncast_now_ms();
	peer.status.alive = true;
	peer.status.other_version = 0;
	if (hello->epoch == peer.status.epoch) {
		/* in the middle of a sync END_OF_SYNC decides */
		if (!alive && peer.status.synced)
			dyncast_service_unstale_all();
		dyncast_sid_locator_set(AF_INET6, &hello->locator);
		dyncast_sid_locator_set(AF_INET, &hello->locator4);
		if (hello->features & DYNCAST_FEATURE_ASK)
			dyncast_feedback_repeat();
		return;
	}
	zlog_info("dyncast: bgpd_dyncast %s",
		  peer.status.epoch
			  ? "restarted, waiting for its candidate sets"
			  : "is there");
	peer.status.epoch = hello->epoch;
	peer.status.version = hello->version;
	peer.status.features = hello->features;
	peer.status.synced = false;
	peer.status.acknowledged = 0;
	dyncast_msg_reader_fini(&peer.reader);
	memset(&peer.reader, 0, sizeof(peer.reader));
	dyncast_service_stale_all();
	dyncast_sid_locator_set(AF_INET6, &hello->locator);
	dyncast_sid_locator_set(AF_INET, &hello->locator4);
	send_hello();
	dyncast_feedback_all();
}

static void receive_bad(void)
{
	peer.status.bad++;
	if (!peer.bad_logged)
		zlog_warn(
			"dyncast: unreadable message from bgpd_dyncast dropped; are both modules of the same release?");
	peer.bad_logged = true;
}

static void handle(const struct dyncast_msg *msg)
{
	switch (msg->type) {
	case DYNCAST_MSG_HELLO:
		receive_hello(&msg->hello);
		break;
	case DYNCAST_MSG_SET:
		peer.status.sets++;
		dyncast_service_set(&peer.reader.set);
		acknowledge(msg->sequence);
		break;
	case DYNCAST_MSG_REMOVE:
		peer.status.removes++;
		dyncast_service_remove(&msg->remove);
		acknowledge(msg->sequence);
		break;
	case DYNCAST_MSG_END_OF_SYNC:
		peer.status.synced = true;
		dyncast_service_sync_end();
		dyncast_sid_sweep();
		dyncast_decap_sweep();
		acknowledge(msg->sequence);
		break;
	default:
		peer.status.foreign++; /* meant for bgpd */
		break;
	}
}

void dyncast_peer_receive(const uint8_t *data, size_t len)
{
	struct dyncast_msg msg = {};

	/* whoever is there will send all of it when we say hello */
	if (!dyncast_cleared && !dyncast_startup_done())
		return;
	switch (dyncast_msg_decode(&peer.reader, data, len, &msg)) {
	case DYNCAST_MSG_DONE:
		handle(&msg);
		break;
	case DYNCAST_MSG_MORE:
		break;
	case DYNCAST_MSG_BAD:
		receive_bad();
		break;
	case DYNCAST_MSG_BAD_VERSION:
		peer.status.bad++;
		peer.status.other_version = msg.hello.version;
		if (!peer.version_logged)
			zlog_warn(
				"dyncast: bgpd_dyncast speaks version %u, zebra_dyncast version %u: install both modules from one package and restart frr; services of before are kept for the hold time",
				msg.hello.version, DYNCAST_MSG_VERSION);
		peer.version_logged = true;
		break;
	}
}

void dyncast_peer_connected(void)
{
	epoch_new();
	send_hello();
}

void dyncast_peer_closed(void)
{
	peer_lost("ended with bgpd");
	peer.status.other_version = 0;
	epoch_new();
}

static void tick(struct event *e)
{
	int64_t now = dyncast_now_ms();

	(void)e;
	if (peer.status.alive && now - peer.heard_ms > DYNCAST_MSG_PEER_DEAD_MS)
		peer_lost("is silent");
	dyncast_client_tick();
	send_hello();
	dyncast_ingress_scan();
	dyncast_service_tick(); /* which sees what that did */
	event_add_timer_msec(dyncast_loop, tick, NULL, DYNCAST_MSG_HELLO_MS,
			     &peer.t_tick);
}

void dyncast_peer_status_get(struct dyncast_peer_status *out)
{
	*out = peer.status;
	out->synced = peer.status.alive && peer.status.synced;
	out->last_heard_ms =
		peer.heard_ms ? dyncast_now_ms() - peer.heard_ms : -1;
}

void dyncast_peer_init(void)
{
	epoch_new();
	event_add_timer_msec(dyncast_loop, tick, NULL, DYNCAST_MSG_HELLO_MS,
			     &peer.t_tick);
}

void dyncast_peer_fini(void)
{
	dyncast_event_off(&peer.t_tick);
	dyncast_timer_cancel(&peer.t_ack);
	dyncast_msg_reader_fini(&peer.reader);
}
