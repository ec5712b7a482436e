// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the running kernel can do, found by trying: distributions carry features
 * back, and configure or lock others out.  zebra's main thread, privileges
 * raised by the caller.
 */

#include "dataplane_port.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane_internal.h"
#include "dyncast_probe.bpf.skel.h"

/* BPF_TCX_INGRESS, which headers before 6.6 do not have */
#define ATTACH_TCX_INGRESS 46

static const struct {
	const char *name;
	const char *without;
} features[] = {
	[DYNCAST_DP_FEATURE_BPF] =
		{"bpf",
		 "services follow their encapsulated route, without affinity"},
	[DYNCAST_DP_FEATURE_REDIRECT] =
		{"bpf-redirect-neigh",
		 "services follow their encapsulated route, without affinity"},
	[DYNCAST_DP_FEATURE_POINTERS] =
		{"bpf-pointer-arguments",
		 "other programs that do the same take a little longer"},
	[DYNCAST_DP_FEATURE_COARSE_CLOCK] =
		{"bpf-coarse-clock",
		 "reading the exact clock takes a little longer"},
	[DYNCAST_DP_FEATURE_TCX] =
		{"tcx", "the programs are filters of clsact qdiscs"},
};

const char *dyncast_dp_feature_name(enum dyncast_dp_feature feature)
{
	return features[feature].name;
}

const char *dyncast_dp_feature_without(enum dyncast_dp_feature feature)
{
	return features[feature].without;
}

/* the least that a program can be; -1 and errno when that is too much */
static int nothing_load(void)
{
	const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "dyncast_nothing", "GPL",
			     nothing, sizeof(nothing) / sizeof(nothing[0]),
			     NULL);
}

/* With TCX the kernel looks for the interface and misses it; without, it does
 * not know the attach type. */
static bool has_tcx(int prog)
{
	int fd = bpf_link_create(prog, INT_MAX, ATTACH_TCX_INGRESS, NULL);
	bool has = fd >= 0 || errno == ENODEV;

	if (fd >= 0)
		close(fd);
	return has;
}

static bool has_helper(enum bpf_func_id helper)
{
	return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helper, NULL) ==
	       1;
}

static bool takes_pointers(void)
{
	/* the verifier's complaint is the answer, nobody wants to read it */
	libbpf_print_fn_t log = libbpf_set_print(NULL);
	struct dyncast_probe_bpf *probe = dyncast_probe_bpf__open_and_load();

	libbpf_set_print(log);
	dyncast_probe_bpf__destroy(probe);
	return probe != NULL;
}

static void note(enum dyncast_dp_feature feature, bool has)
{
	if (!has || dyncast_dp.pretend >> feature & 1)
		dyncast_dp.missing |= 1u << feature;
}

bool dyncast_dp_features_probe(void)
{
	int prog = nothing_load();
	bool takes = prog >= 0;

	dyncast_dp.missing = 0;
	note(DYNCAST_DP_FEATURE_BPF, takes);
	if (!takes) {
		dyncast_dp_fail("the kernel refused a BPF program: %s",
				strerror(errno));
		return false;
	}
	note(DYNCAST_DP_FEATURE_TCX, has_tcx(prog));
	close(prog);
	note(DYNCAST_DP_FEATURE_REDIRECT, has_helper(BPF_FUNC_redirect_neigh));
	note(DYNCAST_DP_FEATURE_COARSE_CLOCK,
	     has_helper(BPF_FUNC_ktime_get_coarse_ns));
	note(DYNCAST_DP_FEATURE_POINTERS, takes_pointers());
	if (!dyncast_dp_has(DYNCAST_DP_FEATURE_REDIRECT)) {
		dyncast_dp_fail("the kernel has no bpf_redirect_neigh()");
		return false;
	}
	return true;
}

void dyncast_dp_features_say(void)
{
	static bool said;

	for (int i = 0; i < DYNCAST_DP_FEATURE_MAX && !said; i++)
		if (!dyncast_dp_has(i))
			dyncast_dp_info("this kernel is without %s: %s",
					features[i].name, features[i].without);
	said = true;
}
