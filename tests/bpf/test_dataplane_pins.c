// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What outlives the daemon and what does not: pins, recovery, attachments,
 * foreign things in the way, the flow table.  Root; own namespaces.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>

#include "dp_harness.h"
#include "tests/unit/between.h"

#define FLOWS 500

static const char *pin(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/" DYNCAST_MAP_PIN_PREFIX "%s", dp_dir,
		 name);
	return path;
}

static void count_service(int index, uint32_t table_id,
			  const struct dyncast_prefix *prefix, void *arg)
{
	(void)index;
	(void)table_id;
	(void)prefix;
	++*(unsigned int *)arg;
}

static void count_instance(uint32_t id, const struct dyncast_addr *dbid,
			   void *arg)
{
	(void)id;
	(void)dbid;
	++*(unsigned int *)arg;
}

/* a restart of zebra: ids, rings, flows and generations are as before */
static void restart_recovers(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12");
	uint32_t before[DYNCAST_RING_SLOTS], after[DYNCAST_RING_SLOTS];
	struct dyncast_prefix prefix = dp_prefix("10.255.0.1/32");
	struct dyncast_addr dbid = dp_addr("10.1.0.12");
	unsigned int services = 0, instances = 0;
	uint32_t flows[FLOWS];
	bool created;

	(void)state;
	dp_ring(0, a, b);
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = i % 3 ? tcp(1000 + i) : udp(1000 + i);

		flows[i] = dp_flow(&p);
	}
	dp_ring(0, b, a);
	dyncast_dp_ring_get(0, before);

	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 4096, 0));
	assert_int_equal(dyncast_dp.flow_table_size, 4096);

	dyncast_dp_service_each(count_service, &services);
	dyncast_dp_instance_each(0, count_instance, &instances);
	assert_int_equal(services, 1);
	assert_int_equal(instances, 2);
	assert_int_equal(dyncast_dp_service_get(DP_TABLE, &prefix, &created),
			 0);
	assert_false(created);
	assert_int_equal(dyncast_dp_instance_get(0, &dbid, &created), b);
	assert_false(created);
	assert_true(dyncast_dp_ring_get(0, after));
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(dyncast_dp_ring_set(0, before), 0);
	assert_true(dyncast_dp_attached(dp_ifindex));
	for (int i = 0; i < FLOWS; i++) {
		struct dp_packet p = i % 3 ? tcp(1000 + i) : udp(1000 + i);

		assert_int_equal(dp_flow(&p), flows[i]);
	}
	/* a new id is none that was in use */
	assert_int_not_equal(dp_adjacent(0, "10.1.0.13"), a);
	assert_int_not_equal(dp_adjacent(0, "10.1.0.13"), b);
}

/* what a deleted service leaves is not recovered */
static void deleted_stays_deleted(void **state)
{
	int other = dp_service(DP_TABLE, "10.255.0.2/32");
	uint32_t a = dp_adjacent(other, "10.1.0.11");
	uint32_t generation = dyncast_dp.instances[a].generation;
	unsigned int services = 0;
	struct dp_packet p = {.dst = "10.255.0.2", .sport = 1, .dport = 80};

	(void)state;
	dp_ring(other, a, a);
	assert_int_equal(dp_flow(&p), a);
	dyncast_dp_service_del(other);
	assert_int_equal(dp_run_packet(&p).verdict, DP_PASS);

	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	dyncast_dp_service_each(count_service, &services);
	assert_int_equal(services, 1);
	assert_true(dyncast_dp.instances[a].generation > generation);
}

/* the rule that later tells old flows from new ones */
static void slots_remember(void **state)
{
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(0, "10.1.0.12"),
		 c = dp_adjacent(0, "10.1.0.13");
	union dyncast_map_slot *slot = &dyncast_dp.slots[7];

	(void)state;
	dp_ring(0, a, a);
	slot->t_change -= DP_TIMEOUT; /* long ago */
	dp_ring(0, b, b);
	assert_int_equal(slot->cur, b);
	assert_int_equal(slot->old, a);
	dp_ring(0, c, c); /* a second move within the timeout */
	assert_int_equal(slot->cur, c);
	assert_int_equal(slot->old, a);
	assert_between(dyncast_dp_now() - slot->t_change, 0, 3);
}

/* makes the start fail with a reason that names `what`, and everything that
 * needs no kernel work all the same */
static void starts_inactive(const char *dir, const char *what)
{
	struct dyncast_dp_status status;
	struct dyncast_prefix prefix = dp_prefix("10.255.0.1/32");
	struct dyncast_addr dbid = dp_addr("10.1.0.11");
	struct dyncast_dp_walk *walk = NULL;
	uint32_t ring[DYNCAST_RING_SLOTS], id;
	bool created;

	assert_false(dyncast_dp_start(dir, 8192, 0));
	dyncast_dp_status_get(&status);
	assert_false(status.active);
	assert_non_null(strstr(status.reason, what));

	assert_int_equal(dyncast_dp_service_get(254, &prefix, &created), 0);
	assert_true(created);
	id = dyncast_dp_instance_get(0, &dbid, &created);
	assert_int_not_equal(id, 0);
	for (int i = 0; i < DYNCAST_RING_SLOTS; i++)
		ring[i] = id;
	assert_int_equal(dyncast_dp_ring_set(0, ring), DYNCAST_RING_SLOTS);
	assert_true(dyncast_dp_ring_get(0, ring));
	assert_false(dyncast_dp_attach(dp_ifindex, "dv0", 254,
				       DYNCAST_DP_ATTACH_STEER));
	assert_false(dyncast_dp_flow_walk(&walk, 10, NULL, NULL));
	dyncast_dp_flow_walk_end(&walk);
	assert_int_equal(dyncast_dp_flow_clear(-1), 0);
	dyncast_dp_instance_del(id);
	dyncast_dp_service_del(0);
	dyncast_dp_stop();
}

static void foreign_pin_is_left_alone(void **state)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 8, 1, NULL);
	int prog = dup(dyncast_dp.prog);
	uint32_t a = dp_adjacent(0, "10.1.0.11");
	struct dp_packet p = udp(1000);
	bool tcx = !strcmp(dyncast_dp.attach_mode, "tcx");
	char link[128];

	(void)state;
	dp_ring(0, a, a);
	assert_int_equal(dp_flow(&p), a);
	dyncast_dp_stop();

	/* a map of another shape */
	unlink(pin("slots"));
	assert_int_equal(bpf_obj_pin(map, pin("slots")), 0);
	snprintf(link, sizeof(link), "%s/" DYNCAST_MAP_PIN_PREFIX "link_%u",
		 dp_dir, dp_ifindex);
	assert_int_equal(access(link, F_OK), tcx ? 0 : -1);
	starts_inactive(dp_dir, pin("slots"));
	/* nobody could tell the program of changes: it is detached */
	assert_int_equal(access(link, F_OK), -1);
	assert_false(
		dp_output_has("tc filter show dev dv0 ingress", "dyncast"));
	assert_int_equal(access(pin("slots"), F_OK), 0);
	assert_int_equal(access(pin("flows4"), F_OK), 0);

	/* no map at all */
	unlink(pin("slots"));
	assert_int_equal(bpf_obj_pin(prog, pin("slots")), 0);
	starts_inactive(dp_dir, pin("slots"));

	/* something that cannot be opened */
	unlink(pin("slots"));
	assert_int_equal(mkdir(pin("slots"), 0700), 0);
	starts_inactive(dp_dir, pin("slots"));

	/* out of the way again: works, and the other pins have kept theirs */
	assert_int_equal(rmdir(pin("slots")), 0);
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	assert_int_equal(dp_flow(&p), a);
	close(map);
	close(prog);
}

static void unusable_directory(void **state)
{
	char file[96], missing[96];
	int fd;

	(void)state;
	dyncast_dp_uninstall();
	snprintf(file, sizeof(file), "%s.file", dp_dir);
	snprintf(missing, sizeof(missing), "%s/a/b", dp_dir);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	starts_inactive(file, file);
	starts_inactive(missing, missing);
	unlink(file);
}

static unsigned int keys_of(enum dyncast_dp_map which)
{
	uint8_t key[64], *prev = NULL;
	unsigned int n = 0;

	for (; !bpf_map_get_next_key(dyncast_dp.maps[which], prev, key); n++)
		prev = key;
	return n;
}

/* whatever the identity maps hold, no id goes out of its array, and what makes
 * no sense is gone for good */
static void hostile_identities(void **state)
{
	struct dyncast_map_ident_service service = {
		.table_id = 9, .family = 77, .len = 200};
	struct dyncast_map_ident_instance instance = {.service = 60000,
						      .family = AF_INET};
	uint32_t numbers[] = {0, 5000, 0xffffffff};
	unsigned int services = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		service.table_id = i;
		instance.dbid[0] = i;
		bpf_map_update_elem(
			dyncast_dp.maps[DYNCAST_DP_MAP_IDENT_SERVICE], &service,
			&numbers[i], BPF_ANY);
		bpf_map_update_elem(
			dyncast_dp.maps[DYNCAST_DP_MAP_IDENT_INSTANCE],
			&instance, &numbers[i], BPF_ANY);
	}
	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	dyncast_dp_service_each(count_service, &services);
	assert_int_equal(services, 1);
	assert_int_equal(keys_of(DYNCAST_DP_MAP_IDENT_SERVICE), 1);
	assert_int_equal(keys_of(DYNCAST_DP_MAP_IDENT_INSTANCE), 0);
}

static void full_tables(void **state)
{
	struct dyncast_prefix prefix = dp_prefix("10.0.0.0/32");
	struct dyncast_addr dbid = dp_addr("10.1.0.0");
	struct dyncast_dp_service how = {.affinity = DYNCAST_AFFINITY_FLOW};
	unsigned int services = 1, instances = 0;
	bool created;

	(void)state;
	for (unsigned int i = 0; i < dyncast_dp.services_max; i++) {
		prefix.addr.bytes[2] = i >> 8;
		prefix.addr.bytes[3] = i;
		services += dyncast_dp_service_get(1, &prefix, &created) >= 0;
	}
	assert_int_equal(services, dyncast_dp.services_max);
	/* the kernel takes all, and what is changed of them */
	for (how.timeout_s = 30; how.timeout_s <= 31; how.timeout_s++)
		for (unsigned int i = 0; i < services; i++)
			assert_true(dyncast_dp_service_enable(i, &how));
	for (unsigned int i = 0; i < dyncast_dp.instances_max; i++) {
		dbid.bytes[2] = i >> 8;
		dbid.bytes[3] = i;
		instances += dyncast_dp_instance_get(0, &dbid, &created) != 0;
	}
	assert_int_equal(instances, dyncast_dp.instances_max - 1);
	dyncast_dp_service_del(0);
	assert_int_not_equal(dyncast_dp_instance_get(1, &dbid, &created), 0);
}

static void see_attached(uint32_t ifindex, void *arg)
{
	assert_int_equal(ifindex, dp_ifindex);
	++*(unsigned int *)arg;
}

static void attach_and_detach(void **state)
{
	bool tcx = !strcmp(dyncast_dp.attach_mode, "tcx");
	uint32_t before = dp_ifindex;
	unsigned int seen = 0;
	char path[128];

	(void)state;
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	assert_true(dyncast_dp_attached(dp_ifindex));
	assert_false(
		dyncast_dp_attach(1, "lo", DP_TABLE, DYNCAST_DP_ATTACH_STEER));
	assert_false(dyncast_dp_attach(99999, "none", DP_TABLE,
				       DYNCAST_DP_ATTACH_STEER));
	assert_false(dyncast_dp_attached(99999));
	dyncast_dp_attached_each(see_attached, &seen);
	assert_int_equal(seen, 1);

	/* the interface goes and comes back, also under its old number */
	dp_run("ip link del dv0");
	dp_run("ip link add dv0 index %u address 02:00:00:00:00:01 type veth peer name dv1",
	       before);
	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	if (tcx)
		assert_false(dyncast_dp_attached(before));
	assert_true(dyncast_dp_attach(before, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));

	dyncast_dp_detach(dp_ifindex, "dv0");
	assert_false(dyncast_dp_attached(dp_ifindex));
	snprintf(path, sizeof(path), "%s/" DYNCAST_MAP_PIN_PREFIX "link_%u",
		 dp_dir, dp_ifindex);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* kernels before 6.6: the same by a filter */
static void attach_by_clsact(void **state)
{
	const char *show =
		"tc filter show dev dv0 ingress; tc qdisc show dev dv0";

	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = dp_ifindex,
			    .attach_point = BPF_TC_EGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1,
			    .prog_fd = dyncast_dp.prog);

	(void)state;
	dyncast_dp_detach(dp_ifindex, "dv0");
	dyncast_dp.attach_mode = "clsact";
	assert_false(dp_output_has(show, "dyncast"));
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	assert_true(dp_output_has(show, "dyncast"));
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	dyncast_dp_detach(dp_ifindex, "dv0");
	assert_false(dp_output_has(show, "dyncast"));
	assert_false(dp_output_has(show, "clsact"));

	/* a restart finds it, unless it is gone */
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	assert_true(dyncast_dp_attached(dp_ifindex));
	dp_run("tc qdisc del dev dv0 clsact");
	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 8192, 0));
	assert_false(dyncast_dp_attached(dp_ifindex));
	dyncast_dp.attach_mode = "clsact";

	/* somebody else's filter or qdisc stays */
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	dyncast_dp_detach(dp_ifindex, "dv0");
	assert_false(dp_output_has(show, "dyncast"));
	assert_true(dp_output_has("tc filter show dev dv0 egress", "dyncast"));
	dp_run("tc qdisc del dev dv0 clsact && tc qdisc add dev dv0 clsact");
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	dyncast_dp_detach(dp_ifindex, "dv0");
	assert_false(dp_output_has(show, "dyncast"));
	assert_true(dp_output_has(show, "clsact"));
}

static void uninstall_leaves_nothing(void **state)
{
	struct statfs fs;

	(void)state;
	assert_int_equal(statfs(dp_dir, &fs), 0);
	assert_int_equal(fs.f_type, BPF_FS_MAGIC);
	dyncast_dp_uninstall();
	assert_int_not_equal(access(dp_dir, F_OK), 0);
	assert_false(dp_output_has("bpftool net show", "dyncast"));
}

static void see_flow(const struct dyncast_dp_flow *flow, void *arg)
{
	unsigned int *seen = arg;

	assert_int_equal(flow->table_id, DP_TABLE);
	assert_int_equal(flow->proto, IPPROTO_UDP);
	assert_int_equal(flow->dport, 80);
	assert_between(flow->sport, 1000, 1000 + 3 * FLOWS);
	assert_int_equal(flow->src.family, AF_INET);
	assert_int_equal(flow->dst.bytes[0], 10);
	assert_true(flow->idle_s <= flow->age_s);
	seen[0]++;
	seen[1] += flow->valid;
	seen[2 + flow->sport]++;
}

static bool is_any(const struct dyncast_dp_flow *flow, void *arg)
{
	(void)flow;
	(void)arg;
	return true;
}

static void walk_and_clear(void **state)
{
	static unsigned int seen[2 + 65536];
	int wide = dp_service(DP_TABLE, "10.255.0.0/24");
	uint32_t a = dp_adjacent(0, "10.1.0.11"),
		 b = dp_adjacent(wide, "10.1.0.12");
	struct dyncast_dp_walk *walk = NULL;
	unsigned int before;
	bool more;

	(void)state;
	dp_ring(0, a, a);
	dp_ring(wide, b, b);
	for (int i = 0; i < 3 * FLOWS; i++) {
		struct dp_packet p = udp(1000 + i);

		p.dst = i % 3 ? "10.255.0.1" : "10.255.0.2";
		for (int n = 0; n < 2; n++)
			assert_int_not_equal(dp_flow(&p), 0);
	}
	dyncast_dp_instance_void(b);

	memset(seen, 0, sizeof(seen));
	do {
		before = seen[0];
		more = dyncast_dp_flow_walk(&walk, 100, see_flow, seen);
		assert_between(seen[0] - before, 0, 100);
	} while (more);
	dyncast_dp_flow_walk_end(&walk);
	assert_null(walk);
	assert_int_equal(seen[0], 3 * FLOWS);
	assert_int_equal(seen[1], 2 * FLOWS);
	for (int i = 0; i < 3 * FLOWS; i++)
		assert_int_equal(seen[2 + 1000 + i], 1);

	assert_int_equal(dyncast_dp_flow_clear(wide), FLOWS);
	assert_int_equal(dyncast_dp_flow_clear(wide), 0);
	before = 0;
	while (dyncast_dp_flow_clear_walk(&walk, 256, is_any, NULL, &before))
		;
	dyncast_dp_flow_walk_end(&walk);
	assert_int_equal(before, 2 * FLOWS);
}

/* a kernel that refuses bpf(), as for a container without the right to it: once
 * said, nothing worse */
static void kernel_refuses_bpf(void **state)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};
	char left[96];
	pid_t child;
	int result;

	(void)state;
	dyncast_dp_uninstall();
	snprintf(left, sizeof(left), "%s.none", dp_dir);
	fflush(NULL);
	child = fork();
	if (!child) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
			_exit(2);
		starts_inactive(left, "refused");
		assert_int_equal(status().missing,
				 1u << DYNCAST_DP_FEATURE_BPF);
		dyncast_dp_start(left, 0, 0);
		dyncast_dp_uninstall();
		_exit(access(left, F_OK) ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &result, 0), child);
	assert_true(WIFEXITED(result));
	assert_int_equal(WEXITSTATUS(result), 0);
	if (!access(left, F_OK))
		umount(left);
	rmdir(left);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, dp_setup, dp_teardown)
	const struct CMUnitTest tests[] = {
		TEST(restart_recovers),	  TEST(deleted_stays_deleted),
		TEST(slots_remember),	  TEST(foreign_pin_is_left_alone),
		TEST(unusable_directory), TEST(hostile_identities),
		TEST(full_tables),	  TEST(attach_and_detach),
		TEST(attach_by_clsact),	  TEST(uninstall_leaves_nothing),
		TEST(walk_and_clear),	  TEST(kernel_refuses_bpf),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: pins", tests,
					   dp_group_setup, dp_group_teardown);
}
