// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests to instances.  See fetch.h.
 */

#include "fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_START 16384

/* libcurl hands over received bytes; another return value than n ends the
 * transfer. */
static size_t on_body(char *data, size_t one, size_t n, void *arg)
{
	struct dyncast_fetch *fetch = arg;
	size_t size = fetch->size ? fetch->size : BODY_START;
	char *body;

	if (n > DYNCAST_FETCH_BODY_MAX - fetch->len) {
		fetch->too_large = true;
		return 0;
	}
	if (fetch->kind == DYNCAST_FETCH_PAGE) {
		while (size < fetch->len + n)
			size *= 2;
		if (size != fetch->size) {
			body = realloc(fetch->body, size);
			if (!body)
				return 0;
			fetch->body = body;
			fetch->size = size;
		}
		memcpy(fetch->body + fetch->len, data, n);
	}
	fetch->len += n;
	return one * n;
}

static bool set_options(struct dyncast_fetch *fetch, const char *url,
			unsigned int timeout_ms)
{
	CURL *easy = fetch->easy;
	bool fresh = fetch->kind != DYNCAST_FETCH_PAGE;
	CURLcode code = CURLE_OK;

#define SET(option, value)                                                     \
	do {                                                                   \
		if (code == CURLE_OK)                                          \
			code = curl_easy_setopt(easy, option, value);          \
	} while (0)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PRIVATE, fetch);
	SET(CURLOPT_ERRORBUFFER, fetch->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, fetch);
	SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* else the end of a transfer waits for its thread in getaddrinfo() */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_USERAGENT, "dyncast-agent");
	SET(CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	SET(CURLOPT_FORBID_REUSE, fresh ? 1L : 0L);
	SET(CURLOPT_CONNECT_ONLY,
	    fetch->kind == DYNCAST_FETCH_CONNECT ? 1L : 0L);
#undef SET
	return code == CURLE_OK;
}

bool dyncast_fetch_init(struct dyncast_fetch *fetch,
			enum dyncast_fetch_kind kind, const char *url,
			unsigned int timeout_ms, dyncast_fetch_cb done,
			void *arg)
{
	*fetch = (struct dyncast_fetch){
		.kind = kind,
		.easy = curl_easy_init(),
		.done = done,
		.arg = arg,
	};
	return fetch->easy && set_options(fetch, url, timeout_ms);
}

static void detach(struct dyncast_fetch *fetch)
{
	if (fetch->multi)
		curl_multi_remove_handle(fetch->multi, fetch->easy);
	fetch->multi = NULL;
}

void dyncast_fetch_finish(struct dyncast_fetch *fetch)
{
	detach(fetch);
	curl_easy_cleanup(fetch->easy);
	free(fetch->body);
	*fetch = (struct dyncast_fetch){};
}

bool dyncast_fetch_start(struct dyncast_fetch *fetch, CURLM *multi)
{
	if (fetch->multi)
		return false;
	fetch->len = 0;
	fetch->too_large = false;
	fetch->error[0] = '\0';
	if (curl_multi_add_handle(multi, fetch->easy) == CURLM_OK)
		fetch->multi = multi;
	return true;
}

static enum dyncast_fetch_outcome
outcome_of(struct dyncast_fetch *fetch, CURLcode code, char *text, size_t size)
{
	long status = 0;

	if (fetch->too_large) {
		snprintf(text, size, "answer of more than %d bytes",
			 DYNCAST_FETCH_BODY_MAX);
		return DYNCAST_FETCH_TOO_LARGE;
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		snprintf(text, size, "no answer in time");
		return DYNCAST_FETCH_TIMEOUT;
	}
	if (code != CURLE_OK) {
		snprintf(text, size, "%s",
			 fetch->error[0] ? fetch->error
					 : curl_easy_strerror(code));
		return DYNCAST_FETCH_UNREACHABLE;
	}
	if (fetch->kind == DYNCAST_FETCH_CONNECT)
		return DYNCAST_FETCH_OK;
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	snprintf(text, size, "HTTP %ld%s", status,
		 status >= 300 && status < 400
			 ? ", and redirects are not followed"
			 : "");
	return status >= 200 && status < 300 ? DYNCAST_FETCH_OK
					     : DYNCAST_FETCH_HTTP;
}

void dyncast_fetch_dispatch(CURLM *multi)
{
	char text[CURL_ERROR_SIZE];
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left))) {
		struct dyncast_fetch *fetch = NULL;
		CURLcode code = message->data.result;
		enum dyncast_fetch_outcome outcome;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
				  (char **)&fetch);
		text[0] = '\0';
		outcome = outcome_of(fetch, code, text, sizeof(text));
		detach(fetch); /* message is gone now */
		fetch->done(fetch, outcome, text);
	}
}
