// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The conversation with zebra_dyncast; see peer_zebra.h and lib/msg.h.
 *
 * An epoch names one conversation: it is new at start, and whenever messages
 * may have been lost (connection closed, zebra_dyncast silent, no
 * acknowledgement), so that zebra ages out what is not sent again.
 *
 * zclient_start() and zclient_read() are not used: they would ask for and
 * process interfaces and VRFs a second time in bgpd.  Connecting, the hello
 * and reading opaque messages is all that is needed, on every release.
 */

#include <sys/random.h>

#include "advertise.h"
#include "candidates.h"
#include "peer_zebra.h"
#include "timer.h"
#include "lib/network.h"
#include "lib/stream.h"

/* ages in zebra are right again at least this often */
#define RESEND_MS 10000
/* metrics that have become younger by this much are worth a set */
#define FRESHER_MS 5000
/* Between two sets of one service, however fast its agent reports.  Short:
 * news that a site is past a threshold waits for it too, and zebra decides at
 * once for that alone. */
#define SPACING_MS 10
/* what one event takes for that, about */
#define FLUSH_STEP_MS 3

DECLARE_DLIST(dyncast_queue, struct dyncast_track, queue_item);

static struct zclient *client;
static struct dyncast_msg_reader reader;
static struct dyncast_queue_head queue; /* to be sent */
static struct dyncast_queue_head later; /* not yet, for SPACING_MS */
static struct dyncast_peer_status status;
static struct dyncast_alarm t_flush, t_later;
static uint32_t next_sequence;
static int64_t heard_ms, progress_ms;
static bool ever_seen, sync_pending, version_logged;
static bool zebra_keeps;    /* it had sets when this conversation began */
static unsigned int forced; /* queued tracks that belong to the sync */

bool dyncast_peer_ever_seen(void)
{
	return ever_seen;
}

static size_t waiting_count(void)
{
	return dyncast_queue_count(&queue) + dyncast_queue_count(&later);
}

void dyncast_peer_status_get(struct dyncast_peer_status *out)
{
	*out = status;
	out->connected = client && client->sock >= 0;
	out->synced = status.up && !sync_pending;
	out->version = DYNCAST_MSG_VERSION;
	out->mismatch = status.peer_version &&
			status.peer_version != DYNCAST_MSG_VERSION;
	out->queued = waiting_count();
}

static void flush_event(void *arg);

static void flush_schedule(unsigned int ms)
{
	if (!t_flush.set)
		dyncast_timer_set(&t_flush, flush_event, NULL, ms);
}

void dyncast_peer_queue(struct dyncast_track *track)
{
	if (!track->queued) {
		track->queued = true;
		dyncast_queue_add_tail(&queue, track);
	}
	flush_schedule(0);
}

void dyncast_peer_unqueue(struct dyncast_track *track)
{
	if (!track->queued)
		return;
	track->queued = false;
	dyncast_queue_del(track->later ? &later : &queue, track);
	track->later = false;
	if (track->force)
		forced--;
	track->force = false;
}

/* ------------------------------------------------------------------------- */
/* sending                                                                   */
/* ------------------------------------------------------------------------- */

static bool send_bytes(const uint8_t *buf, size_t len)
{
	if (!len || client->sock < 0)
		return false;
	return zclient_send_opaque(client, DYNCAST_OPAQUE_TO_ZEBRA, buf, len) !=
	       ZCLIENT_SEND_FAILURE;
}

static bool send_msg(struct dyncast_msg *msg)
{
	uint8_t buf[DYNCAST_MSG_MAX];

	if (msg->type != DYNCAST_MSG_HELLO) {
		msg->sequence = next_sequence++;
		if (!status.in_flight++)
			progress_ms = dyncast_now_ms();
	}
	return send_bytes(buf, dyncast_msg_encode(msg, buf, sizeof(buf)));
}

void dyncast_peer_hello(void)
{
	bool busy = !status.up || sync_pending || status.in_flight ||
		    waiting_count();
	struct dyncast_msg msg = {
		.type = DYNCAST_MSG_HELLO,
		.hello =
			{
				.epoch = status.epoch,
				.version = DYNCAST_MSG_VERSION,
				.features = !busy && dyncast_peer_asks()
						    ? DYNCAST_FEATURE_ASK
						    : 0,
				.locator = dyncast_state.locator,
				.locator4 = dyncast_state.locator4,
			},
	};

	if (client && client->sock >= 0)
		send_msg(&msg);
}

static void send_set(struct dyncast_track *track, struct dyncast_set *set)
{
	uint8_t buf[DYNCAST_MSG_MAX];
	unsigned int part = 0;
	bool more = true;
	size_t len = 0;

	dyncast_set_fini(&track->sent);
	track->sent = *set;
	track->sent_valid = true;
	track->sent_ms = dyncast_now_ms();
	while (more) {
		len = dyncast_msg_encode_set(set, next_sequence, part++, buf,
					     sizeof(buf), &more);
		if (!len) {
			/* nothing that a path carries may get us here */
			if (!status.unencodable++)
				zlog_err(
					"dyncast: a candidate set cannot be encoded for zebra, its last one stays (logged once)");
			break;
		}
		if (!send_bytes(buf, len))
			break;
	}
	/* an unfinished set is dropped there at the next sequence number */
	if (part <= 1 && !len)
		return;
	next_sequence++;
	if (!status.in_flight++)
		progress_ms = dyncast_now_ms();
	status.sets++;
}

/*
 * A REMOVE only says that the BGP paths are gone, and zebra holds what it has
 * (failure rule (b)).  Instances of this site were taken away by the
 * configuration, and those of a site that has a plain path by now by theirs: an
 * empty set with the sites that are left says so before (rule (a)).
 */
static void send_remove(struct dyncast_track *track)
{
	struct dyncast_msg msg = {.type = DYNCAST_MSG_REMOVE};
	struct dyncast_set empty;
	bool local = false;
	unsigned int i;

	for (i = 0; i < track->sent.n_candidates; i++)
		if (!track->sent.candidates[i].site.family)
			local = true;
	if (dyncast_candidates_none(track, &empty)) {
		if (local || empty.n_sites)
			send_set(track, &empty);
		else
			dyncast_set_fini(&empty);
	}
	msg.remove = track->key;
	send_msg(&msg);
	status.removes++;
	track->sent_valid = false;
	dyncast_set_fini(&track->sent);
}

/*
 * Have sites said again what zebra has?  It counts ages on from the last set,
 * and metrics that it believes old lose their influence.  Both have the same
 * candidates.
 */
static bool refreshed(const struct dyncast_set *set,
		      const struct dyncast_set *sent, int64_t elapsed_ms)
{
	unsigned int i;

	for (i = 0; i < set->n_candidates; i++)
		if ((int64_t)set->candidates[i].instance.metrics.age_ms +
			    FRESHER_MS <
		    (int64_t)sent->candidates[i].instance.metrics.age_ms +
			    elapsed_ms)
			return true;
	return false;
}

/* What zebra has to know about one prefix; true when it must wait a little. */
static bool track_send(struct dyncast_track *track)
{
	int64_t now = dyncast_now_ms();
	bool force = track->force;
	struct dyncast_set set;

	if (!force && track->sent_valid && now - track->sent_ms < SPACING_MS)
		return true;
	if (force)
		forced--;
	track->force = false;
	/* a zebra that is new has nothing to lose, and forwards by nothing else
	 */
	if (zebra_keeps && dyncast_candidates_wait(track))
		return false;
	if (!dyncast_candidates_to_send(track, &set)) {
		if (track->sent_valid)
			send_remove(track);
		return false;
	}
	if (!force && track->sent_valid && now - track->sent_ms < RESEND_MS &&
	    dyncast_candidates_same(&set, &track->sent) &&
	    !refreshed(&set, &track->sent, now - track->sent_ms)) {
		dyncast_set_fini(&set);
		return false;
	}
	send_set(track, &set);
	return false;
}

/* those whose last set is long enough ago */
static void later_event(void *arg)
{
	int64_t now = dyncast_now_ms();
	struct dyncast_track *track;

	frr_each_safe (dyncast_queue, &later, track) {
		if (track->sent_valid && now - track->sent_ms < SPACING_MS)
			continue;
		dyncast_queue_del(&later, track);
		track->later = false;
		dyncast_queue_add_tail(&queue, track);
	}
	if (dyncast_queue_count(&later))
		dyncast_timer_set(&t_later, later_event, NULL, SPACING_MS / 2);
	if (dyncast_queue_count(&queue))
		flush_schedule(0);
}

static void track_later(struct dyncast_track *track)
{
	track->queued = track->later = true;
	dyncast_queue_add_tail(&later, track);
	if (!t_later.set)
		dyncast_timer_set(&t_later, later_event, NULL, SPACING_MS / 2);
}

static void flush_event(void *arg)
{
	struct dyncast_msg end = {.type = DYNCAST_MSG_END_OF_SYNC};
	size_t left = dyncast_queue_count(&queue);
	int64_t began = dyncast_now_ms();
	struct dyncast_track *track;
	bool more = false;

	if (!status.up || client->sock < 0)
		return;
	while (left-- && status.in_flight < DYNCAST_MSG_WINDOW &&
	       client->sock >= 0 && (track = dyncast_queue_pop(&queue))) {
		track->queued = false;
		if (track_send(track))
			track_later(track);
		more = left && dyncast_now_ms() - began >= FLUSH_STEP_MS;
		if (more)
			break;
	}
	if (sync_pending && !forced && status.in_flight < DYNCAST_MSG_WINDOW) {
		send_msg(&end);
		sync_pending = false;
		status.syncs++;
		DYNCAST_DEBUG("zebra has all candidate sets");
	}
	if (more)
		flush_schedule(1);
}

/* ------------------------------------------------------------------------- */
/* the conversation                                                          */
/* ------------------------------------------------------------------------- */

/* A new conversation: what was sent may not have arrived. */
static void conversation_reset(void)
{
	struct dyncast_track *track;

	do {
		if (getrandom(&status.epoch, sizeof(status.epoch),
			      GRND_NONBLOCK) != sizeof(status.epoch))
			status.epoch = ((uint64_t)frr_weak_random() << 32) ^
				       dyncast_now_ms();
	} while (!status.epoch);
	status.up = false;
	status.peer_epoch = 0;
	status.peer_version = 0;
	status.in_flight = 0;
	sync_pending = false;
	frr_each (dyncast_tracks, &dyncast_tracks, track) {
		dyncast_peer_unqueue(track);
		track->sent_valid = false;
		dyncast_set_fini(&track->sent);
	}
	dyncast_msg_reader_fini(&reader);
}

static void sync_start(void)
{
	struct dyncast_track *track;

	status.in_flight = 0;
	sync_pending = true;
	dyncast_peer_hello();
	frr_each (dyncast_tracks, &dyncast_tracks, track) {
		if (!track->force || !track->queued)
			forced++;
		track->force = true;
		dyncast_peer_queue(track);
	}
	flush_schedule(0);
}

static void handle_hello(const struct dyncast_msg_hello *hello, bool version_ok)
{
	heard_ms = dyncast_now_ms();
	status.peer_version = hello->version;
	status.peer_features = hello->features;
	if (!version_ok) {
		if (!version_logged)
			zlog_err(
				"dyncast: zebra_dyncast speaks version %u, bgpd_dyncast version %u: install both modules from one package and restart frr",
				hello->version, DYNCAST_MSG_VERSION);
		version_logged = true;
		return;
	}
	if (hello->epoch == status.peer_epoch)
		return;
	zlog_info("dyncast: zebra_dyncast is there, sending candidate sets");
	status.peer_epoch = hello->epoch;
	zebra_keeps = hello->features & DYNCAST_FEATURE_KEEPS;
	status.up = true;
	ever_seen = true;
	sync_start();
	dyncast_advertise_all();
}

static void handle_ack(uint32_t sequence)
{
	uint32_t left = next_sequence - 1 - sequence;

	status.acks++;
	/* one of an older conversation, or of nothing that was sent */
	if (left >= status.in_flight)
		return;
	status.in_flight = left;
	progress_ms = dyncast_now_ms();
	if (dyncast_queue_count(&queue) || sync_pending)
		flush_schedule(0);
}

static void handle_feedback(const struct dyncast_msg_feedback *feedback)
{
	struct dyncast_service *service;
	char text[DYNCAST_ADDR_STRLEN];
	struct dyncast_local *local;
	struct dyncast_addr dbid;

	status.feedbacks++;
	service = dyncast_service_find_key(&feedback->service);
	if (!service)
		return;
	frr_each (dyncast_locals, &service->locals, local) {
		if (dyncast_local_dbid(local, &dbid) == DYNCAST_KIND_NONE ||
		    dyncast_addr_cmp(&dbid, &feedback->dbid) ||
		    local->feedback == feedback->state)
			continue;
		local->feedback = feedback->state;
		dyncast_addr_str(&dbid, text, sizeof(text));
		if (feedback->state == DYNCAST_FEEDBACK_READY)
			zlog_info(
				"dyncast: service %s instance %s (%s) is ready",
				service->name, local->name, text);
		else
			zlog_warn(
				"dyncast: service %s instance %s (%s): %s; it is advertised as down",
				service->name, local->name, text,
				feedback->state == DYNCAST_FEEDBACK_FAILED
					? "zebra could not install its SID"
					: "no route to its address");
		dyncast_advertise_service(service);
	}
}

static void handle_opaque(struct stream *s)
{
	enum dyncast_msg_result result;
	struct zapi_opaque_msg info;
	struct dyncast_msg msg;

	if (zclient_opaque_decode(s, &info) < 0 ||
	    info.type != DYNCAST_OPAQUE_TO_BGPD)
		return;
	result = dyncast_msg_decode(&reader, stream_pnt(s), info.len, &msg);
	if (result == DYNCAST_MSG_BAD || result == DYNCAST_MSG_MORE) {
		if (!status.bad++)
			zlog_warn(
				"dyncast: malformed message from zebra_dyncast dropped (logged once)");
		return;
	}
	switch (msg.type) {
	case DYNCAST_MSG_HELLO:
		handle_hello(&msg.hello, result == DYNCAST_MSG_DONE);
		break;
	case DYNCAST_MSG_ACK:
		handle_ack(msg.sequence);
		break;
	case DYNCAST_MSG_FEEDBACK:
		handle_feedback(&msg.feedback);
		break;
	default:
		status.bad++;
		break;
	}
}

/* ------------------------------------------------------------------------- */
/* the connection                                                            */
/* ------------------------------------------------------------------------- */

static void connection_lost(void)
{
	if (status.up)
		zlog_warn(
			"dyncast: connection to zebra lost, trying again every second");
	zclient_stop(client);
	conversation_reset();
}

/*
 * One ZAPI message into client->ibuf.  1: complete, 0: more must come, -1:
 * the connection is gone.
 */
static int message_read(struct stream *s, uint16_t *length, uint16_t *command)
{
	size_t have = stream_get_endp(s);
	ssize_t n;

	if (have < ZEBRA_HEADER_SIZE) {
		n = stream_read_try(s, client->sock, ZEBRA_HEADER_SIZE - have);
		if (n == 0 || n == -1)
			return -1;
		have = stream_get_endp(s);
		if (have < ZEBRA_HEADER_SIZE)
			return 0;
	}
	*length = stream_getw_from(s, 0);
	*command = stream_getw_from(s, ZAPI_HEADER_CMD_LOCATION);
	if (*length < ZEBRA_HEADER_SIZE || *length > STREAM_SIZE(s))
		return -1;
	if (have < *length) {
		n = stream_read_try(s, client->sock, *length - have);
		if (n == 0 || n == -1)
			return -1;
	}
	return stream_get_endp(s) == *length;
}

static void read_event(struct event *event)
{
	struct stream *s = client->ibuf;
	uint16_t length = 0, command = 0;
	int ready = message_read(s, &length, &command);

	if (ready < 0) {
		connection_lost();
		return;
	}
	if (ready) {
		stream_set_getp(s, ZEBRA_HEADER_SIZE);
		if (command == ZEBRA_OPAQUE_MESSAGE)
			handle_opaque(s);
		if (client->sock < 0)
			return;
		stream_reset(s);
	}
	event_add_read(dyncast_state.loop, read_event, NULL, client->sock,
		       &client->t_read);
}

static void connect_try(void)
{
	/* a failed send leaves libfrr's own, much slower, timer behind */
	zclient_stop(client);
	if (zclient_socket_connect(client) < 0)
		return;
	set_nonblocking(client->sock);
	conversation_reset();
	event_add_read(dyncast_state.loop, read_event, NULL, client->sock,
		       &client->t_read);
	zclient_send_hello(client);
	zclient_register_opaque(client, DYNCAST_OPAQUE_TO_BGPD);
	dyncast_peer_hello();
}

void dyncast_peer_tick(void)
{
	int64_t now = dyncast_now_ms();

	if (client->sock < 0) {
		connect_try();
		return;
	}
	if (status.up && now - heard_ms > DYNCAST_MSG_PEER_DEAD_MS) {
		zlog_warn(
			"dyncast: zebra_dyncast is silent for %d s; steering stays as it is until it answers",
			DYNCAST_MSG_PEER_DEAD_MS / 1000);
		conversation_reset();
	} else if (status.up && status.in_flight &&
		   now - progress_ms > DYNCAST_MSG_PEER_DEAD_MS) {
		status.stalls++;
		zlog_warn(
			"dyncast: zebra_dyncast acknowledges nothing, sending everything again");
		conversation_reset();
	}
	dyncast_peer_hello();
}

void dyncast_peer_init(void)
{
	dyncast_queue_init(&queue);
	dyncast_queue_init(&later);
	next_sequence = 1;
	client = dyncast_zclient_new(dyncast_state.loop);
	zclient_init(client, ZEBRA_ROUTE_SHARP, DYNCAST_ZAPI_INSTANCE_BGPD,
		     &bgpd_privs);
	/* connect_try() does what the scheduled zclient_start() would */
	zclient_stop(client);
	conversation_reset();
	connect_try();
}

void dyncast_peer_fini(void)
{
	if (!client)
		return;
	dyncast_timer_cancel(&t_flush);
	dyncast_timer_cancel(&t_later);
	conversation_reset();
	zclient_stop(client);
	zclient_free(client);
	client = NULL;
}
