// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See forwarding_traffic.h.  The first stream is sent by the thread that calls
 * bench_traffic_run(), the partner's by a thread of its own; each is bound to
 * its stream's CPU while it sends, and everything that its packets cause
 * happens on that CPU too (the veth pairs poll where they are sent to).
 */

#include "forwarding_traffic.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "forwarding_net.skel.h"

/* newer than libbpf 1.1 */
#define ATTACH_TCX_INGRESS ((enum bpf_attach_type)46)
#define BATCH 64
/* of the partner's packets between two looks at whether to go on */
#define PARTNER_CHUNK 8192

static struct forwarding_net *net;
static uint8_t *places;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const struct bench_stream *stream; /* NULL: rest */
	atomic_bool go;
	bool sends; /* has sent a chunk */
	bool rests;
} partner = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
	.rests = true,
};

void bench_die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "forwarding_run: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* Other processes wait while packets are sent, which is never for long. */
static void go_first(void)
{
	struct sched_param param = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		fprintf(stderr, "forwarding_run: no priority: %s\n",
			strerror(errno));
}

void bench_traffic_start(void)
{
	go_first();
	net = forwarding_net__open_and_load();
	if (!net)
		bench_die("the kernel took no generator: %s", strerror(errno));
	places = mmap(NULL, BENCH_FLOWS_MAX * 8ul, PROT_READ | PROT_WRITE,
		      MAP_SHARED, bpf_map__fd(net->maps.places), 0);
	if (places == MAP_FAILED)
		bench_die("cannot map the flows' places: %s", strerror(errno));
}

static void attach_tc(const struct bpf_program *prog, int ifindex,
		      const char *ifname)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts,
			    .prog_fd = bpf_program__fd(prog));
	int error;

	/* the link's descriptor stays open as long as the process runs */
	if (bpf_link_create(opts.prog_fd, ifindex, ATTACH_TCX_INGRESS, NULL) >=
	    0)
		return;
	error = bpf_tc_hook_create(&hook);
	if (!error)
		error = bpf_tc_attach(&hook, &opts);
	if (error)
		bench_die("cannot attach to %s: %s", ifname, strerror(-error));
}

void bench_traffic_attach(enum bench_role role, const char *ifname)
{
	int ifindex = if_nametoindex(ifname), error;

	if (!ifindex)
		bench_die("no interface %s", ifname);
	switch (role) {
	case BENCH_ROLE_RECEIVE:
		error = bpf_xdp_attach(
			ifindex, bpf_program__fd(net->progs.bench_receive),
			XDP_FLAGS_DRV_MODE, NULL);
		if (error)
			bench_die("cannot receive on %s: %s", ifname,
				  strerror(-error));
		break;
	case BENCH_ROLE_SWALLOW:
		attach_tc(net->progs.bench_swallow, ifindex, ifname);
		break;
	case BENCH_ROLE_SINK:
		attach_tc(net->progs.bench_sink, ifindex, ifname);
		break;
	}
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bench_die("cannot run on CPU %d: %s", cpu, strerror(errno));
}

static uint64_t now_ns(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void send_packets(uint64_t n)
{
	static const uint8_t frame[BENCH_FRAME];
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
			    .data_size_in = sizeof(frame), .repeat = n,
			    .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
			    .batch_size = BATCH);
	int error;

	if (!n)
		return;
	error = bpf_prog_test_run_opts(
		bpf_program__fd(net->progs.bench_generate), &opts);
	if (error)
		bench_die("cannot send: %s", strerror(-error));
}

/* the state of its random numbers goes on */
static void configure(const struct bench_stream *stream)
{
	struct bench_generator *g = &net->bss->generators[stream->cpu];
	uint64_t random = g->random, sequence = g->sequence;

	if (!random)
		random = 0x9e3779b97f4a7c15ull * (stream->cpu + 1);
	if (stream->packets.mode == BENCH_SEQUENCE)
		sequence = 0;
	*g = stream->packets;
	g->random = random;
	g->sequence = sequence;
}

static void relax(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
	atomic_signal_fence(memory_order_seq_cst);
}

static void partner_turn(const struct bench_stream *stream)
{
	bind_to(stream->cpu);
	do {
		if (stream->holds)
			for (int i = 0; i < 1000; i++)
				relax();
		else
			send_packets(PARTNER_CHUNK);
		pthread_mutex_lock(&partner.lock);
		if (!partner.sends) {
			partner.sends = true;
			pthread_cond_broadcast(&partner.changed);
		}
		pthread_mutex_unlock(&partner.lock);
	} while (atomic_load(&partner.go));
}

static void *partner_run(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&partner.lock);
	for (;;) {
		const struct bench_stream *stream = partner.stream;

		if (!stream) {
			pthread_cond_wait(&partner.changed, &partner.lock);
			continue;
		}
		pthread_mutex_unlock(&partner.lock);
		partner_turn(stream);
		pthread_mutex_lock(&partner.lock);
		partner.stream = NULL;
		partner.rests = true;
		pthread_cond_broadcast(&partner.changed);
	}
	return NULL;
}

void bench_traffic_partner_start(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, partner_run, NULL))
		bench_die("no second thread");
}

static void partner_begin(const struct bench_stream *stream)
{
	configure(stream);
	pthread_mutex_lock(&partner.lock);
	partner.stream = stream;
	partner.sends = partner.rests = false;
	atomic_store(&partner.go, true);
	pthread_cond_broadcast(&partner.changed);
	while (!partner.sends)
		pthread_cond_wait(&partner.changed, &partner.lock);
	pthread_mutex_unlock(&partner.lock);
}

static void partner_end(void)
{
	atomic_store(&partner.go, false);
	pthread_mutex_lock(&partner.lock);
	while (!partner.rests)
		pthread_cond_wait(&partner.changed, &partner.lock);
	pthread_mutex_unlock(&partner.lock);
}

static void read_arrivals(struct bench_arrivals *sum)
{
	int cpus = libbpf_num_possible_cpus();
	struct bench_arrivals *each = calloc(cpus, sizeof(*each));
	uint64_t *to = (void *)sum;
	uint32_t zero = 0;

	if (!each ||
	    bpf_map_lookup_elem(bpf_map__fd(net->maps.arrivals), &zero, each))
		bench_die("cannot read what arrived: %s", strerror(errno));
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < cpus; cpu++) {
		const uint64_t *from = (const void *)&each[cpu];

		for (unsigned int i = 0; i < sizeof(*sum) / 8; i++)
			to[i] += from[i];
	}
	free(each);
}

static void count_sent(const struct bench_stream *stream,
		       struct bench_result *result)
{
	const struct bench_generator *g = &net->bss->generators[stream->cpu];

	result->sent += g->sent;
	result->flooded += g->flooded;
}

void bench_traffic_run(const struct bench_stream *stream,
		       const struct bench_stream *with, uint64_t warm,
		       uint64_t packets, struct bench_result *result)
{
	struct bench_arrivals before;
	uint64_t began, began_cpu, *difference = (void *)&result->arrived;

	memset(result, 0, sizeof(*result));
	read_arrivals(&before);
	bind_to(stream->cpu);
	configure(stream);
	if (with)
		partner_begin(with);
	send_packets(warm);
	began = now_ns(CLOCK_MONOTONIC);
	began_cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	send_packets(packets);
	result->ns =
		(double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - began_cpu) / packets;
	result->wall_ns = (double)(now_ns(CLOCK_MONOTONIC) - began) / packets;
	if (with)
		partner_end();

	read_arrivals(&result->arrived);
	for (unsigned int i = 0; i < sizeof(before) / 8; i++)
		difference[i] -= ((uint64_t *)&before)[i];
	count_sent(stream, result);
	if (with)
		count_sent(with, result);
}

void bench_traffic_check(bool on, uint32_t sources)
{
	net->bss->checked_sources = sources;
	net->bss->checking = on;
}

/* each value of an array has 8 bytes to itself */
uint8_t *bench_traffic_places(void)
{
	return places;
}
