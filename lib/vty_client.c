// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FRR's vty socket, from the side that asks.  See vty_client.h.
 *
 * Every wait is bounded by one deadline, so that a daemon that is stopped, or
 * sends byte by byte, costs its time once.
 */

#include "vty_client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_START 16384
#define TRAILER 4 /* three zero bytes and the return code */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *dyncast_vty_result_str(enum dyncast_vty_result result)
{
	switch (result) {
	case DYNCAST_VTY_OK:
		return "ok";
	case DYNCAST_VTY_NOT_RUNNING:
		return "it is not running";
	case DYNCAST_VTY_DENIED:
		return "its vty socket cannot be used: is this user in the group frrvty?";
	case DYNCAST_VTY_TIMEOUT:
		return "no answer in time";
	case DYNCAST_VTY_CLOSED:
		return "it closed the connection";
	case DYNCAST_VTY_TOO_LARGE:
		return "too long an answer";
	case DYNCAST_VTY_REFUSED:
		return "it does not know the command: is the module loaded?";
	}
	return "unknown";
}

/* false at the deadline */
static bool wait_for(const struct dyncast_vty *vty, short events)
{
	struct pollfd fd = {.fd = vty->fd, .events = events};

	for (;;) {
		int64_t left = vty->deadline_ms - now_ms();
		int n = left > 0 ? poll(&fd, 1, (int)left) : 0;

		if (n >= 0 || errno != EINTR)
			return n > 0;
	}
}

static enum dyncast_vty_result connect_now(struct dyncast_vty *vty,
					   const struct sockaddr_un *to)
{
	for (;;) {
		/* a listener whose queue is full has not accepted for long */
		const struct timespec pause = {.tv_nsec = 10000000};

		if (connect(vty->fd, (const struct sockaddr *)to,
			    sizeof(*to)) == 0)
			return DYNCAST_VTY_OK;
		if (errno == ENOENT || errno == ECONNREFUSED)
			return DYNCAST_VTY_NOT_RUNNING;
		if (errno != EAGAIN && errno != EINTR)
			return DYNCAST_VTY_DENIED;
		if (now_ms() >= vty->deadline_ms)
			return DYNCAST_VTY_TIMEOUT;
		nanosleep(&pause, NULL);
	}
}

enum dyncast_vty_result dyncast_vty_open(struct dyncast_vty *vty,
					 const char *path,
					 unsigned int timeout_ms,
					 size_t answer_max)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	enum dyncast_vty_result result;

	if (strlen(path) >= sizeof(to.sun_path))
		return DYNCAST_VTY_DENIED;
	strcpy(to.sun_path, path);
	vty->deadline_ms = now_ms() + timeout_ms;
	vty->answer_max = answer_max;
	vty->fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (vty->fd < 0)
		return DYNCAST_VTY_DENIED;
	result = connect_now(vty, &to);
	if (result != DYNCAST_VTY_OK)
		dyncast_vty_close(vty);
	return result;
}

void dyncast_vty_close(struct dyncast_vty *vty)
{
	close(vty->fd);
	vty->fd = -1;
}

static enum dyncast_vty_result send_all(struct dyncast_vty *vty,
					const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(vty->fd, data, len, MSG_NOSIGNAL);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (!wait_for(vty, POLLOUT))
				return DYNCAST_VTY_TIMEOUT;
		} else if (errno != EINTR) {
			return DYNCAST_VTY_CLOSED;
		}
	}
	return DYNCAST_VTY_OK;
}

/* room for one byte more, at least; NULL when there must be none */
static char *grow(char *text, size_t *size, size_t len, size_t max)
{
	size_t want = *size ? *size * 2 : ANSWER_START;
	char *larger;

	if (len + 1 < *size)
		return text;
	if (want > max + TRAILER + 1)
		want = max + TRAILER + 1;
	larger = want > len + 1 ? realloc(text, want) : NULL;
	if (larger)
		*size = want;
	return larger;
}

/* does the text end here?  Its own bytes are never zero. */
static bool complete(const char *text, size_t len)
{
	return len >= TRAILER && !text[len - 4] && !text[len - 3] &&
	       !text[len - 2];
}

static enum dyncast_vty_result receive(struct dyncast_vty *vty, char **text,
				       size_t *len)
{
	size_t size = 0;

	*len = 0;
	for (;;) {
		char *larger = grow(*text, &size, *len, vty->answer_max);
		ssize_t n;

		if (!larger)
			return DYNCAST_VTY_TOO_LARGE;
		*text = larger;
		if (!wait_for(vty, POLLIN))
			return DYNCAST_VTY_TIMEOUT;
		n = recv(vty->fd, *text + *len, size - *len - 1, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return DYNCAST_VTY_CLOSED;
		*len += (size_t)n;
		if (complete(*text, *len))
			return DYNCAST_VTY_OK;
	}
}

enum dyncast_vty_result dyncast_vty_ask(struct dyncast_vty *vty,
					const char *command, char **answer)
{
	enum dyncast_vty_result result;
	char *text = NULL;
	size_t len = 0;

	*answer = NULL;
	result = send_all(vty, command, strlen(command) + 1);
	if (result == DYNCAST_VTY_OK)
		result = receive(vty, &text, &len);
	/* the return codes of FRR: 0 is success, 1 a warning with its text */
	if (result == DYNCAST_VTY_OK && (unsigned char)text[len - 1] > 1)
		result = DYNCAST_VTY_REFUSED;
	/* a byte that is zero inside would hide what follows it */
	if (result == DYNCAST_VTY_OK &&
	    memchr(text, '\0', len - TRAILER) != NULL)
		result = DYNCAST_VTY_CLOSED;
	if (result != DYNCAST_VTY_OK) {
		free(text);
		return result;
	}
	text[len - TRAILER] = '\0';
	*answer = text;
	return DYNCAST_VTY_OK;
}
