/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dataplane tests share: a network and mount namespace of their own,
 * a bpffs in a temporary directory, packets, and running the program on one
 * without an interface (BPF_PROG_TEST_RUN).
 *
 * Needs root.  The tests see the dataplane's insides (dataplane_internal.h)
 * where the public interface does not show what the kernel holds.
 */

#ifndef DYNCAST_DP_HARNESS_H
#define DYNCAST_DP_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zebra-dyncast/dataplane_internal.h"

#define DP_TABLE 254u
#define DP_TIMEOUT 60
/* what the program returns for a packet that it leaves alone and for one that
 * it sends on */
#define DP_PASS 0xffffffffu
#define DP_OK 0u
#define DP_DROP 2u
#define DP_REDIRECT 7u

extern char dp_dir[64];	    /* of the bpffs */
extern uint32_t dp_ifindex; /* "dv0", attached in DP_TABLE by dp_setup */

/* group fixtures: namespaces and the veth pair dv0-dv1 */
int dp_group_setup(void **state);
int dp_group_teardown(void **state);
/* test fixtures: dataplane started in a fresh directory with `flows` entries,
 * one service 10.255.0.1/32; everything uninstalled at the end */
int dp_setup(void **state);
int dp_teardown(void **state);
/* the pair alone, and away with what a test that failed has left of all that */
void dp_link_setup(void);
void dp_clean(void);
void dp_link_del(const char *name);
void dp_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* true when the command's output holds the text */
bool dp_output_has(const char *command, const char *text);

struct dyncast_addr dp_addr(const char *text);
struct dyncast_prefix dp_prefix(const char *text);
int dp_service(uint32_t table_id, const char *prefix);
/* with another idle timeout than DP_TIMEOUT */
int dp_service_idle(uint32_t table_id, const char *prefix, uint32_t timeout);
/* an adjacent instance, alive, next hop = D-BID */
uint32_t dp_adjacent(int service, const char *dbid);
uint32_t dp_adjacent_at(int service, const char *dbid, uint32_t ifindex);
uint32_t dp_srv6(int service, const char *sid, const char *nexthop,
		 uint16_t mtu);
/* every slot the same, or alternating */
void dp_ring(int service, uint32_t even, uint32_t odd);

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10
struct dp_packet {
	const char *src, *dst;
	bool ipv6; /* else the other defaults for src and dst */
	uint16_t sport, dport;
	uint8_t proto; /* 0: TCP */
	uint8_t ttl;   /* 0: 64 */
	uint8_t tos;
	uint16_t frag; /* host order, as in IPv4's header */
	uint32_t id;
	uint8_t extensions; /* IPv6: destination options of 8 bytes, .. */
	uint8_t inside;	    /* .. and such behind the fragment header */
	uint8_t options;    /* 32-bit words */
	uint8_t tcp_flags;  /* FIN ... */
	uint16_t payload;
};

/* a TCP packet without flags, and a datagram, of the test's service */
static inline struct dp_packet tcp(uint16_t sport)
{
	return (struct dp_packet){.sport = sport, .dport = 80};
}

static inline struct dp_packet udp(uint16_t sport)
{
	return (struct dp_packet){.sport = sport, .dport = 80, .proto = 17};
}

static inline struct dyncast_dp_status status(void)
{
	struct dyncast_dp_status out;

	dyncast_dp_status_get(&out);
	return out;
}

struct dp_result {
	uint32_t verdict;
	uint8_t data[2048];
	uint32_t size;
};

/* frame of the packet; its size */
uint32_t dp_build(const struct dp_packet *packet, uint8_t frame[2048]);
/* an ICMP error of a router about the packet's answer */
uint32_t dp_build_error(const struct dp_packet *packet, const char *router,
			uint8_t frame[2048]);
/* as dp_flow(), of any frame */
uint32_t dp_flow_frame(const uint8_t *frame, uint32_t size);
struct dp_result dp_run_frame(const uint8_t *frame, uint32_t size);
struct dp_result dp_run_packet(const struct dp_packet *packet);
/* run the packet: the instance it was sent to, 0: none */
uint32_t dp_flow(const struct dp_packet *packet);
/* entries in the flow table */
unsigned int dp_entries(void);
/* those that were seen once only */
unsigned int dp_on_probation(void);
/* let time pass for those */
void dp_age_probation(int seconds);
/* Let time pass for a service's slots: a second more, since the programs' clock
 * comes to a new one some 20 ms later than ours (clock_s()). */
void dp_age(int service, int seconds);
/* its entry; false when there is none */
bool dp_entry(const struct dp_packet *packet, struct dyncast_map_flow *flow);
void dp_entry_write(const struct dp_packet *packet,
		    const struct dyncast_map_flow *flow);
uint32_t dp_slot(int service, const struct dp_packet *packet);
uint16_t dp_checksum(const void *data, size_t size);

#endif /* DYNCAST_DP_HARNESS_H */
