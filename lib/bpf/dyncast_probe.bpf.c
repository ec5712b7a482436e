// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Never attached: whether the kernel takes this tells what it can do.  Loaded
 * by zebra-dyncast/dataplane_features.c.
 */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct argument {
	__u32 word;
};

/* a function of its own to the verifier, with a pointer as argument */
__noinline int dyncast_probe_function(struct argument *argument)
{
	return argument ? argument->word : 0;
}

SEC("tc")
int dyncast_probe_pointers(struct __sk_buff *skb)
{
	struct argument argument = {.word = skb->len};

	return dyncast_probe_function(&argument);
}

char _license[] SEC("license") = "GPL";
