// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dyncast-exporter's HTTP server, by libmicrohttpd: one thread that parses
 * requests, bounds connections, their memory and their time, and calls
 * on_request() here.
 *
 * A page serves all who ask within a second of it, so that no number of
 * clients makes the daemons work more than once a second; asking is bounded in
 * time, and others wait meanwhile.
 */

#include "server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "agent/log.h"
#include "metrics.h"
#include "snapshot.h"

#define CONNECTIONS_MAX 32
#define CONNECTION_SECONDS 10u
#define CONNECTION_MEMORY ((size_t)16 << 10)
#define PAGE_SECONDS 1
#define BACKLOG 16
#define HOST_SIZE 256

struct dyncast_server {
	const struct dyncast_server_config *config;
	struct MHD_Daemon *daemon;
	/* the last page, the thread's alone */
	struct MHD_Response *page;
	time_t page_at;
};

static const char index_page[] =
	"<html><head><title>dyncast-exporter</title></head><body>"
	"<a href=\"/metrics\">Metrics</a></body></html>\n";

static void on_answer(void *arg, enum dyncast_answer which, json_object *answer)
{
	dyncast_metrics_write(arg, which, answer);
}

char *dyncast_page_make(const struct dyncast_server_config *config, size_t *len,
			bool *complete)
{
	struct dyncast_snapshot snapshot;
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	bool failed;

	if (!out)
		return NULL;
	dyncast_snapshot_take(&snapshot, config->dir, config->timeout_ms,
			      on_answer, out);
	*complete = snapshot.up[DYNCAST_DAEMON_BGPD] &&
		    snapshot.up[DYNCAST_DAEMON_ZEBRA];
	dyncast_metrics_write_own(out, &snapshot);
	failed = ferror(out);
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static struct MHD_Response *page_get(struct dyncast_server *server)
{
	struct MHD_Response *page;
	bool complete;
	size_t len;
	char *text;

	if (server->page && now() - server->page_at < PAGE_SECONDS)
		return server->page;
	/* a connection that still sends the old one holds it */
	if (server->page)
		MHD_destroy_response(server->page);
	server->page = NULL;
	text = dyncast_page_make(server->config, &len, &complete);
	if (!text)
		return NULL;
	page = MHD_create_response_from_buffer(len, text,
					       MHD_RESPMEM_MUST_FREE);
	if (!page) {
		free(text);
		return NULL;
	}
	MHD_add_response_header(page, MHD_HTTP_HEADER_CONTENT_TYPE,
				"text/plain; version=0.0.4; charset=utf-8");
	server->page = page;
	server->page_at = now();
	return page;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection,
				   unsigned int status, const char *text,
				   const char *type)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	response = MHD_create_response_from_buffer(strlen(text), (void *)text,
						   MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
					"GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *size, void **seen)
{
	struct dyncast_server *server = arg;
	struct MHD_Response *page;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "only GET and HEAD\n", "text/plain");
	/* the first call is after the headers; a body would come before the
	 * second one, and is not wanted */
	if (!*seen) {
		*seen = server;
		return MHD_YES;
	}
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(url, "/") == 0)
		return answer_text(connection, MHD_HTTP_OK, index_page,
				   "text/html");
	if (strcmp(url, "/metrics") != 0)
		return answer_text(connection, MHD_HTTP_NOT_FOUND,
				   "there is /metrics\n", "text/plain");
	page = page_get(server);
	if (!page)
		return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				   "out of memory\n", "text/plain");
	return MHD_queue_response(connection, MHD_HTTP_OK, page);
}

/* "127.0.0.1:9925", "[::1]:9925"; false when it is neither */
static bool split(const char *listen, char host[HOST_SIZE], const char **port)
{
	const char *colon = strrchr(listen, ':');
	size_t len = colon ? (size_t)(colon - listen) : 0;

	/* getaddrinfo() takes larger ports modulo 65536 */
	if (!len || !colon[1] || strlen(colon + 1) > 5 ||
	    atoi(colon + 1) > UINT16_MAX)
		return false;
	if (listen[0] == '[') {
		if (len < 3 || listen[len - 1] != ']')
			return false;
		listen++;
		len -= 2;
	}
	if (len >= HOST_SIZE)
		return false;
	memcpy(host, listen, len);
	host[len] = '\0';
	*port = colon + 1;
	return true;
}

static int listen_at(const struct addrinfo *to)
{
	int fd, one = 1;

	fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, to->ai_addr, to->ai_addrlen) || listen(fd, BACKLOG)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* the port that it became, when 0 was asked for */
static unsigned int port_of(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return 0;
	return ntohs(addr.ss_family == AF_INET6
			     ? ((struct sockaddr_in6 *)&addr)->sin6_port
			     : ((struct sockaddr_in *)&addr)->sin_port);
}

static int open_listener(const char *where)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *to;
	char host[HOST_SIZE];
	const char *port;
	int fd;

	if (!split(where, host, &port) ||
	    getaddrinfo(host, port, &hints, &to) != 0) {
		dyncast_log(
			DYNCAST_LOG_ERROR,
			"cannot listen at '%s': give a numeric address and a port, 127.0.0.1:9925 or [::]:9925",
			where);
		return -1;
	}
	fd = listen_at(to);
	freeaddrinfo(to);
	if (fd < 0)
		dyncast_log(DYNCAST_LOG_ERROR, "cannot listen at %s: %s", where,
			    strerror(errno));
	else
		dyncast_log(DYNCAST_LOG_NOTICE, "listening at %s, port %u",
			    where, port_of(fd));
	return fd;
}

struct dyncast_server *
dyncast_server_start(const struct dyncast_server_config *config)
{
	struct dyncast_server *server = calloc(1, sizeof(*server));
	int fd;

	if (!server)
		return NULL;
	server->config = config;
	fd = open_listener(config->listen);
	if (fd < 0) {
		free(server);
		return NULL;
	}
	server->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL,
		on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_END);
	if (!server->daemon) {
		dyncast_log(DYNCAST_LOG_ERROR, "the HTTP server cannot start");
		close(fd);
		free(server);
		return NULL;
	}
	return server;
}

void dyncast_server_stop(struct dyncast_server *server)
{
	/* joins the thread and closes the socket */
	MHD_stop_daemon(server->daemon);
	if (server->page)
		MHD_destroy_response(server->page);
	free(server);
}
