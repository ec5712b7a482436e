// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The agent's event loop.  See loop.h.
 *
 * curl_multi_poll() waits for libcurl's own sockets and timers and for the two
 * descriptors that are ours, so one call is the whole loop and no instance can
 * delay another.
 */

#include "loop.h"

#include "clock.h"
#include "log.h"
#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WAIT_MAX_MS 1000

struct loop {
	const char *file;
	struct dyncast_config *config;
	struct dyncast_target **targets; /* config->n_instances of them */
	struct dyncast_reporter reporter;
	CURLM *multi;
	int signals;
	bool stop;
};

static void targets_free(struct dyncast_target **targets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dyncast_target_free(targets[i]);
	free(targets);
}

/* NULL: out of memory */
static struct dyncast_target **targets_new(const struct dyncast_config *config)
{
	struct dyncast_target **targets;
	size_t n = config->n_instances;

	targets = calloc(n, sizeof(targets[0]));
	if (!targets)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		targets[i] = dyncast_target_new(
			&config->instances[i], config->interval_ms,
			(unsigned int)(i * config->interval_ms / n));
		if (!targets[i]) {
			targets_free(targets, i);
			return NULL;
		}
	}
	return targets;
}

static struct dyncast_target *
target_find(struct loop *loop, const struct dyncast_instance_config *config)
{
	for (size_t i = 0; i < loop->config->n_instances; i++) {
		const struct dyncast_instance_config *old;

		old = loop->targets[i]->config;
		if (strcmp(old->service, config->service) == 0 &&
		    strcmp(old->name, config->name) == 0)
			return loop->targets[i];
	}
	return NULL;
}

static void on_rejected(void *arg, uint64_t line, const char *error)
{
	struct loop *loop = arg;

	if (!error)
		error = "(no reason)";
	for (size_t i = 0; i < loop->config->n_instances; i++) {
		struct dyncast_target *target = loop->targets[i];
		struct dyncast_report_entry *entry = &target->entry;

		if (entry->sent_epoch != loop->reporter.epoch ||
		    entry->sent_line != line)
			continue;
		if (strncmp(entry->rejected, error,
			    sizeof(entry->rejected) - 1) == 0)
			return;
		snprintf(entry->rejected, sizeof(entry->rejected), "%s", error);
		dyncast_log(
			DYNCAST_LOG_WARNING,
			"the router refuses reports of instance %s/%s: %s; check that it has that service and instance under these names",
			target->config->service, target->config->name, error);
		return;
	}
	dyncast_log(DYNCAST_LOG_DEBUG, "the router refused line %llu: %s",
		    (unsigned long long)line, error);
}

/* --- reload ---------------------------------------------------------------*/

static bool config_has(const struct dyncast_config *config,
		       const struct dyncast_instance_config *instance)
{
	for (size_t i = 0; i < config->n_instances; i++)
		if (strcmp(config->instances[i].service, instance->service) ==
			    0 &&
		    strcmp(config->instances[i].name, instance->name) == 0)
			return true;
	return false;
}

/* One that the router has from us alone goes there too; should this not arrive,
 * the router takes our silence for it. */
static void report_gone(struct loop *loop, struct dyncast_target *target)
{
	struct dyncast_report_entry *entry = &target->entry;

	if (!target->config->address.family)
		return;
	memset(&entry->now.address, 0, sizeof(entry->now.address));
	memset(&entry->now.metrics, 0, sizeof(entry->now.metrics));
	entry->now.sid = 0;
	entry->now.state = DYNCAST_AGENT_STATE_GONE;
	entry->sent_epoch = 0; /* due at once */
	dyncast_reporter_send(&loop->reporter, entry, dyncast_clock_ms());
}

static void end_removed(struct loop *loop, const struct dyncast_config *config)
{
	for (size_t i = 0; i < loop->config->n_instances; i++) {
		struct dyncast_target *target = loop->targets[i];

		if (config_has(config, target->config))
			continue;
		report_gone(loop, target);
		dyncast_log(
			DYNCAST_LOG_NOTICE,
			"instance %s/%s is watched no more%s",
			target->config->service, target->config->name,
			target->entry.now.state == DYNCAST_AGENT_STATE_DOWN
				? "; the last word to the router was that it is down"
				: "");
	}
}

static void reload(struct loop *loop)
{
	struct dyncast_config *config = dyncast_config_load(loop->file);
	struct dyncast_target **targets = NULL;

	if (config)
		targets = targets_new(config);
	if (!targets) {
		dyncast_log(
			DYNCAST_LOG_ERROR,
			"%s was not loaded: the configuration in use stays; correct the file and send SIGHUP again",
			loop->file);
		dyncast_config_free(config);
		return;
	}
	for (size_t i = 0; i < config->n_instances; i++) {
		struct dyncast_target *old;

		old = target_find(loop, &config->instances[i]);
		if (!old)
			continue;
		dyncast_target_adopt(targets[i], old);
		/* a report without one means the instance it has */
		if (!config->instances[i].address.family)
			report_gone(loop, old);
	}
	end_removed(loop, config);
	targets_free(loop->targets, loop->config->n_instances);
	dyncast_config_free(loop->config);
	loop->targets = targets;
	loop->config = config;
	dyncast_reporter_configure(&loop->reporter, config);
	dyncast_log(DYNCAST_LOG_NOTICE, "%s loaded: %zu instances", loop->file,
		    config->n_instances);
}

/* --- the loop -------------------------------------------------------------*/

static void take_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(loop);
		else
			loop->stop = true;
	}
}

/* Start and send what is due.  Returns how long nothing will be. */
static int tick(struct loop *loop)
{
	uint64_t now_ms = dyncast_clock_ms();
	uint64_t next_ms = now_ms + WAIT_MAX_MS;

	dyncast_reporter_tick(&loop->reporter, now_ms);
	if (loop->reporter.fd < 0 && loop->reporter.retry_ms < next_ms)
		next_ms = loop->reporter.retry_ms;
	for (size_t i = 0; i < loop->config->n_instances; i++) {
		struct dyncast_target *target = loop->targets[i];
		uint64_t due_ms;

		due_ms = dyncast_target_tick(target, loop->multi, now_ms);
		if (due_ms < next_ms)
			next_ms = due_ms;
		due_ms = dyncast_reporter_send(&loop->reporter, &target->entry,
					       now_ms);
		if (due_ms < next_ms)
			next_ms = due_ms;
	}
	dyncast_reporter_io(&loop->reporter, now_ms);
	return next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
}

static void wait_events(struct loop *loop, int timeout_ms)
{
	struct curl_waitfd fds[2] = {
		{.fd = loop->signals, .events = CURL_WAIT_POLLIN},
		{.fd = loop->reporter.fd, .events = CURL_WAIT_POLLIN},
	};
	unsigned int n = loop->reporter.fd < 0 ? 1 : 2;

	if (loop->reporter.out_len)
		fds[1].events |= CURL_WAIT_POLLOUT;
	curl_multi_poll(loop->multi, fds, n, timeout_ms, NULL);
}

static void run(struct loop *loop)
{
	int running;

	while (!loop->stop) {
		curl_multi_perform(loop->multi, &running);
		dyncast_fetch_dispatch(loop->multi);
		take_signals(loop);
		/* after what was learnt, so that it is told in this turn */
		wait_events(loop, tick(loop));
	}
}

static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static CURLM *multi_new(void)
{
	CURLM *multi = curl_multi_init();

#if LIBCURL_VERSION_NUM >= 0x081400
	/* of its own since then: else the end waits for lookups of names */
	curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
	return multi;
}

int dyncast_loop_run(struct dyncast_config *config, const char *file)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	bool ready = false;

	if (loop) {
		loop->file = file;
		loop->config = config;
		loop->signals = open_signals();
		loop->multi = multi_new();
		loop->targets = targets_new(config);
		dyncast_reporter_init(&loop->reporter, on_rejected, loop);
		ready = loop->signals >= 0 && loop->multi && loop->targets;
	}
	if (!ready) {
		dyncast_log(DYNCAST_LOG_ERROR, "cannot start: %s",
			    strerror(errno));
		dyncast_config_free(config);
		return EXIT_FAILURE;
	}
	dyncast_reporter_configure(&loop->reporter, config);
	dyncast_log(DYNCAST_LOG_NOTICE, "watching %zu instances of %s",
		    config->n_instances, file);
	run(loop);
	dyncast_log(DYNCAST_LOG_NOTICE, "ending");
	targets_free(loop->targets, loop->config->n_instances);
	dyncast_reporter_finish(&loop->reporter);
	dyncast_config_free(loop->config);
	curl_multi_cleanup(loop->multi);
	close(loop->signals);
	free(loop);
	return EXIT_SUCCESS;
}
