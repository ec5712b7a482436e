/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zebra_dyncast's own ZAPI session to the zebra that it lives in.
 *
 * Being a client like any other gives stable interfaces on every release,
 * next-hop tracking, opaque messages, and routes that zebra withdraws by
 * itself when the session ends.  Everything runs on zebra's main thread;
 * zserv's threads do the other half, so nothing here may wait for an answer.
 *
 * libfrr's own reading of a client socket is not used: its handlers keep the
 * client's copy of VRFs and interfaces, and here these would be zebra's own
 * tables, changed a second time.  Messages about interfaces serve as a
 * notice that something changed; the truth is read from zebra's tables.
 */

#include <zebra.h>

#include "lib/libfrr.h"
#include "lib/network.h"
#include "lib/privs.h"
#include "lib/sockopt.h"
#include "zebra/zebra_router.h"

#include "compat.h"
#include "client.h"
#include "encap.h"
#include "ingress.h"
#include "module.h"
#include "nht.h"
#include "peer_bgpd.h"
#include "resend.h"
#include "sid.h"
#include "zserv_socket.h"
#include "../lib/msg.h"

/* main.c's; its header is not installed under one name on every release */
extern struct zebra_privs_t zserv_privs;

#define RECONNECT_MS 100
#define SEND_BUFFER 1048576 /* as libfrr's clients have */

static struct zclient *client;
static struct event *t_connect;
static struct zapi_route route_buffer;

static void client_read(struct event *e);
static void client_connect(struct event *e);

static void connect_later(void)
{
	/* what libfrr scheduled would read with its own handlers */
	dyncast_event_off(&client->t_connect);
	event_add_timer_msec(dyncast_loop, client_connect, NULL, RECONNECT_MS,
			     &t_connect);
}

static void client_lost(void)
{
	zclient_stop(client);
	connect_later();
}

/* libfrr has closed the session when what waited could not be written */
void dyncast_client_tick(void)
{
	if (client && client->sock < 0 && !t_connect)
		connect_later();
}

bool dyncast_client_connected(void)
{
	return client && client->sock >= 0;
}

/* every sender ends here: libfrr closes the socket when a write fails */
static void sent(enum zclient_send_status status)
{
	if (status == ZCLIENT_SEND_FAILURE)
		connect_later();
}

void dyncast_client_nht(bool add, const struct prefix *p, vrf_id_t vrf_id)
{
	if (dyncast_client_connected())
		sent(zclient_send_rnh(client,
				      add ? ZEBRA_NEXTHOP_REGISTER
					  : ZEBRA_NEXTHOP_UNREGISTER,
				      p, SAFI_UNICAST, false, false, vrf_id));
}

struct zapi_route *dyncast_client_route_new(vrf_id_t vrf_id,
					    const struct prefix *p)
{
	dyncast_compat_route_init(&route_buffer);
	route_buffer.vrf_id = vrf_id;
	route_buffer.safi = SAFI_UNICAST;
	route_buffer.prefix = *p;
	return &route_buffer;
}

void dyncast_client_route(bool add, struct zapi_route *api)
{
	if (!dyncast_client_connected())
		return;
	api->type = DYNCAST_ROUTE_TYPE;
	api->instance = DYNCAST_ZAPI_INSTANCE_ZEBRA;
	if (add) {
		SET_FLAG(api->message, ZAPI_MESSAGE_NEXTHOP);
		SET_FLAG(api->message, ZAPI_MESSAGE_DISTANCE);
		api->distance = DYNCAST_ROUTE_DISTANCE;
	}
	sent(zclient_route_send(add ? ZEBRA_ROUTE_ADD : ZEBRA_ROUTE_DELETE,
				client, api));
}

void dyncast_client_opaque(uint32_t type, const uint8_t *data, size_t len)
{
	if (dyncast_client_connected())
		sent(zclient_send_opaque(client, type, data, len));
}

static void handle_opaque(struct stream *s)
{
	struct zapi_opaque_msg info;

	if (zclient_opaque_decode(s, &info) != 0 ||
	    info.type != DYNCAST_OPAQUE_TO_ZEBRA ||
	    info.len > STREAM_READABLE(s))
		return;
	dyncast_peer_receive(stream_pnt(s), info.len);
}

static void handle_notify(struct stream *s)
{
	struct prefix p = {};
	enum zapi_route_notify_owner note;
	uint32_t table;

	if (zapi_route_notify_decode(s, &p, &table, &note, NULL, NULL))
		dyncast_sid_notify(&p, note);
}

/* Zebra does not tell about clients of our own type, such as bgpd_dyncast's:
 * bgpd's main session, which ends with it, is told of. */
static void handle_close(struct stream *s)
{
	struct zapi_client_close_info info;

	if (zapi_client_close_notify_decode(s, &info) == 0 &&
	    info.proto == ZEBRA_ROUTE_BGP)
		dyncast_peer_closed();
}

/* an interface's index, behind its name or at once */
static void handle_link(struct stream *s, size_t name)
{
	uint32_t ifindex;

	STREAM_FORWARD_GETP(s, name);
	STREAM_GETL(s, ifindex);
	dyncast_resend_later(ifindex);
stream_failure:
	return;
}

static void links_noticed(void)
{
	dyncast_encap_forget();
	dyncast_ingress_scan_later();
}

static void dispatch(uint16_t command, vrf_id_t vrf_id, struct stream *s)
{
	switch (command) {
	case ZEBRA_NEXTHOP_UPDATE:
		dyncast_nht_receive(vrf_id, s);
		break;
	case ZEBRA_OPAQUE_MESSAGE:
		handle_opaque(s);
		break;
	case ZEBRA_ROUTE_NOTIFY_OWNER:
		handle_notify(s);
		break;
	case ZEBRA_CLIENT_CLOSE_NOTIFY:
		handle_close(s);
		break;
	case ZEBRA_INTERFACE_UP:
		handle_link(s, IFNAMSIZ);
		links_noticed();
		break;
	case ZEBRA_INTERFACE_ADDRESS_ADD:
		handle_link(s, 0);
		/* fallthrough */
	case ZEBRA_INTERFACE_ADDRESS_DELETE:
	case ZEBRA_INTERFACE_ADD:
	case ZEBRA_INTERFACE_DELETE:
	case ZEBRA_INTERFACE_DOWN:
		links_noticed();
		break;
	default:
		break;
	}
}

/* false when the message is not complete yet, or the session is gone */
static bool read_some(size_t wanted)
{
	size_t have = stream_get_endp(client->ibuf);
	ssize_t n;

	if (have >= wanted)
		return true;
	n = stream_read_try(client->ibuf, client->sock, wanted - have);
	if (n == 0 || n == -1) {
		client_lost();
		return false;
	}
	return n == (ssize_t)(wanted - have);
}

static bool read_message(void)
{
	struct zmsghdr hdr = {};
	size_t size = STREAM_SIZE(client->ibuf);

	if (!read_some(ZEBRA_HEADER_SIZE))
		return false;
	stream_set_getp(client->ibuf, 0);
	if (!zapi_parse_header(client->ibuf, &hdr) ||
	    hdr.version != ZSERV_VERSION || hdr.length < ZEBRA_HEADER_SIZE ||
	    hdr.length > size) {
		zlog_warn(
			"dyncast: zebra sent an unreadable message (version %u, length %u): reconnecting",
			hdr.version, hdr.length);
		client_lost();
		return false;
	}
	if (!read_some(hdr.length))
		return false;
	stream_set_getp(client->ibuf, ZEBRA_HEADER_SIZE);
	dispatch(hdr.command, hdr.vrf_id, client->ibuf);
	if (client->sock >= 0)
		stream_reset(client->ibuf);
	return true;
}

static void client_read(struct event *e)
{
	(void)e;
	client->t_read = NULL;
	read_message();
	if (client->sock >= 0)
		event_add_read(dyncast_loop, client_read, NULL, client->sock,
			       &client->t_read);
}

/*
 * Not zclient_socket_connect(): it waits for room in the listener's queue,
 * and this thread is the one that accepts.  With a handful of daemons that
 * connect while zebra starts it would wait for ever.
 */
static bool socket_connect(void)
{
	int fd = socket(zclient_addr.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	frr_with_privs (&zserv_privs) {
		setsockopt_so_sendbuf(fd, SEND_BUFFER);
	}
	if (connect(fd, (struct sockaddr *)&zclient_addr, zclient_addr_len) <
	    0) {
		close(fd);
		return false;
	}
	client->sock = fd;
	return true;
}

static void client_connect(struct event *e)
{
	(void)e;
	if (client->sock >= 0)
		return;
	dyncast_event_off(&client->t_connect);
	dyncast_zserv_address();
	if (!socket_connect()) {
		connect_later();
		return;
	}
	event_add_read(dyncast_loop, client_read, NULL, client->sock,
		       &client->t_read);
	zclient_send_hello(client);
	dyncast_compat_request_notify(client);
	zclient_register_opaque(client, DYNCAST_OPAQUE_TO_ZEBRA);
	DYNCAST_DEBUG("connected to zebra");
	dyncast_nht_connected();
	dyncast_sid_connected();
	dyncast_resend_all();
	dyncast_peer_connected();
}

void dyncast_client_init(void)
{
	client = dyncast_compat_zclient_new(dyncast_loop);
	zclient_init(client, DYNCAST_ROUTE_TYPE, DYNCAST_ZAPI_INSTANCE_ZEBRA,
		     &zserv_privs);
	dyncast_event_off(&client->t_connect);
	event_add_event(dyncast_loop, client_connect, NULL, 0, &t_connect);
}

void dyncast_client_fini(void)
{
	if (!client)
		return;
	dyncast_event_off(&t_connect);
	zclient_stop(client);
	zclient_free(client);
	client = NULL;
}
