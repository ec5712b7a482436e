/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One repeated request to an instance, over libcurl's multi interface: a page
 * (scrape.c), an HTTP status or a TCP connection (health.c).
 *
 * Never blocks.  Bounded in time and in bytes; follows no redirect, uses no
 * proxy, speaks HTTP and HTTPS only.  Loop's thread only.
 */

#ifndef DYNCAST_AGENT_FETCH_H
#define DYNCAST_AGENT_FETCH_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define DYNCAST_FETCH_BODY_MAX (1024 * 1024)

enum dyncast_fetch_kind {
	DYNCAST_FETCH_PAGE,    /* keep the body, keep the connection */
	DYNCAST_FETCH_STATUS,  /* a new connection each time */
	DYNCAST_FETCH_CONNECT, /* only that */
};

enum dyncast_fetch_outcome {
	DYNCAST_FETCH_OK = 0, /* HTTP 2xx, or connected */
	DYNCAST_FETCH_UNREACHABLE,
	DYNCAST_FETCH_TIMEOUT,
	DYNCAST_FETCH_HTTP, /* another status; see text */
	DYNCAST_FETCH_TOO_LARGE,
};
#define DYNCAST_FETCH_OUTCOMES 5

struct dyncast_fetch;
typedef void (*dyncast_fetch_cb)(struct dyncast_fetch *fetch,
				 enum dyncast_fetch_outcome outcome,
				 const char *text);

struct dyncast_fetch {
	enum dyncast_fetch_kind kind;
	CURL *easy;
	CURLM *multi; /* while a request runs, else NULL */
	dyncast_fetch_cb done;
	void *arg;
	char *body; /* valid in done() */
	size_t len;
	size_t size;
	bool too_large;
	char error[CURL_ERROR_SIZE];
};

/* `url` must live as long as the fetch.  False: out of memory. */
bool dyncast_fetch_init(struct dyncast_fetch *fetch,
			enum dyncast_fetch_kind kind, const char *url,
			unsigned int timeout_ms, dyncast_fetch_cb done,
			void *arg);
void dyncast_fetch_finish(struct dyncast_fetch *fetch);

/* False when the previous request still runs. */
bool dyncast_fetch_start(struct dyncast_fetch *fetch, CURLM *multi);

/* Call done() of each request that has ended. */
void dyncast_fetch_dispatch(CURLM *multi);

#endif /* DYNCAST_AGENT_FETCH_H */
