// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A new release over what an old one has pinned, other table sizes, and a
 * loader that is killed on the way: real packets flow all the time, and none
 * may come out elsewhere.  Root; own namespaces.
 *
 * The old release is that of v1.c, with the maps of layout 1.
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "dp_harness.h"
#include "tests/unit/between.h"
#include "lib/ring.h"
#include "live.h"
#include "v1.h"

#define V1_INDEX 7 /* of the service; not the first one that v2 would take */
#define V1_A 40	   /* ids */
#define V1_B 41
#define V1_GENERATION 5
#define SERVICE "10.255.0.1/32"
/* longer than a test takes on an emulated processor: slots forget after it */
#define TIMEOUT 3600

/* The old release -------------------------------------------------------- */

static const char *v1_pin(const char *name)
{
	return v1_path(dp_dir, name);
}

static const char *pin(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/" DYNCAST_MAP_PIN_PREFIX "%s", dp_dir,
		 name);
	return path;
}

static void v1_service(struct v1_steer *v1)
{
	struct dyncast_v1_ident_service ident = {
		.table_id = DP_TABLE, .family = AF_INET, .len = 32};
	struct dyncast_v1_service_key key = {
		.prefixlen = 96, .table_id = DP_TABLE, .family = AF_INET};
	struct dyncast_prefix prefix = dp_prefix(SERVICE);
	struct dyncast_v1_service value = {
		.index = V1_INDEX,
		.seed = dyncast_ring_seed(&prefix),
		.timeout_s = TIMEOUT,
		.affinity = DYNCAST_AFFINITY_FLOW,
		.plen = 32,
	};
	uint32_t index = V1_INDEX;

	memcpy(ident.addr, prefix.addr.bytes, 4);
	memcpy(key.addr, prefix.addr.bytes, 4);
	assert_true(v1_put(v1->maps.ident_service, &ident, &index));
	assert_true(v1_put(v1->maps.services, &key, &value));
}

static void v1_instance(struct v1_steer *v1, uint32_t id, const char *address,
			int at)
{
	struct dyncast_v1_ident_instance ident = {.service = V1_INDEX,
						  .family = AF_INET};
	struct dyncast_addr addr = dp_addr(address);
	struct dyncast_v1_instance in = {
		.kind = DYNCAST_KIND_ADJACENT,
		.flags = DYNCAST_MAP_INSTANCE_ALIVE,
		.service = V1_INDEX + 1,
		.generation = V1_GENERATION,
		.ifindex = live_ifindex(at),
		.dbid_family = AF_INET,
		.nexthop_family = AF_INET,
	};

	memcpy(ident.dbid, addr.bytes, 4);
	memcpy(in.dbid, addr.bytes, 4);
	memcpy(in.nexthop, addr.bytes, 4);
	assert_true(v1_put(v1->maps.ident_instance, &ident, &id));
	assert_true(v1_put(v1->maps.instances, &id, &in));
}

static void v1_ring(struct v1_steer *v1, uint16_t cur, uint16_t old,
		    uint32_t t_change)
{
	for (uint32_t i = 0; i < DYNCAST_V1_SLOTS; i++) {
		union dyncast_v1_slot slot = {
			.cur = i % 2 ? cur : old,
			.old = i % 2 ? old : cur,
			.t_change = t_change,
		};
		uint32_t at = V1_INDEX * DYNCAST_V1_SLOTS + i;

		assert_true(v1_put(v1->maps.slots, &at, &slot));
	}
}

/* steers like zebra of the first release after its death */
static void v1_leave_behind(bool tcx)
{
	struct v1_steer *v1;

	dp_run("mkdir -p %s && mount -t bpf dyncast %s", dp_dir, dp_dir);
	v1 = v1_load();
	assert_non_null(v1);
	assert_true(v1_pin_maps(v1, dp_dir));
	v1_service(v1);
	v1_instance(v1, V1_A, LIVE_A, 1);
	v1_instance(v1, V1_B, LIVE_B, 2);
	v1_ring(v1, V1_A, V1_B, 0);
	assert_true(v1_attach(v1, dp_dir, dp_ifindex, DP_TABLE, tcx));
	v1_steer__destroy(v1);
}

/* its ring as it would be when all slots have moved: every flow stays where
 * it is by its entry, or by its slot's memory */
static void v1_turn_ring(void)
{
	int fd = bpf_obj_get(v1_pin("slots"));

	assert_true(fd >= 0);
	for (uint32_t i = 0; i < DYNCAST_V1_SLOTS; i++) {
		uint32_t at = V1_INDEX * DYNCAST_V1_SLOTS + i;
		union dyncast_v1_slot slot;

		assert_int_equal(bpf_map_lookup_elem(fd, &at, &slot), 0);
		slot.old = slot.cur;
		slot.cur = slot.cur == V1_A ? V1_B : V1_A;
		slot.t_change = dyncast_dp_now();
		bpf_map_update_elem(fd, &at, &slot, BPF_ANY);
	}
	close(fd);
}

/* Fixtures ---------------------------------------------------------------- */

static bool have_tcx;

static int setup(void **state)
{
	(void)state;
	dp_link_setup();
	live_setup();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	live_teardown();
	dp_clean();
	/* nothing of anything is left */
	return access(dp_dir, F_OK) ? 0 : -1;
}

/* whether this kernel has TCX, and leave nothing */
static int group_setup(void **state)
{
	if (dp_group_setup(state))
		return -1;
	if (!dyncast_dp_start(dp_dir, 1024, 0))
		return -1;
	have_tcx = !strcmp(dyncast_dp.attach_mode, "tcx");
	dyncast_dp_uninstall();
	return 0;
}

/* Tests -------------------------------------------------------------------- */

/* the program on dv0 is that one and no other */
static bool attached(const char *name)
{
	struct bpf_prog_info prog = {};
	uint32_t link[64] = {}, len = sizeof(link);
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "link_%u", dp_ifindex);
	fd = bpf_obj_get(pin(path));
	if (fd < 0)
		return dp_output_has("tc filter show dev dv0 ingress", name);
	assert_false(dp_output_has("tc filter show dev dv0 ingress", "bpf"));
	/* type, id, prog_id, ... of struct bpf_link_info */
	assert_int_equal(
		bpf_obj_get_info_by_fd(fd, (struct bpf_map_info *)link, &len),
		0);
	close(fd);
	fd = bpf_prog_get_fd_by_id(link[2]);
	assert_true(fd >= 0);
	len = sizeof(prog);
	assert_int_equal(
		bpf_obj_get_info_by_fd(fd, (struct bpf_map_info *)&prog, &len),
		0);
	close(fd);
	return !strncmp(prog.name, name, strlen(prog.name));
}

static void no_v1_left(void)
{
	char command[160];

	snprintf(command, sizeof(command), "ls %s", dp_dir);
	assert_false(dp_output_has(command, "v1_"));
	assert_false(dp_output_has(command, "new_"));
	assert_true(attached("dyncast_ingress"));
}

static void upgrade(bool tcx)
{
	struct dyncast_prefix prefix = dp_prefix(SERVICE);
	struct dyncast_addr a = dp_addr(LIVE_A), b = dp_addr(LIVE_B);
	struct live *live;
	bool created;

	v1_leave_behind(tcx);
	live = live_start();
	assert_between(live_at(live, 1), LIVE_FLOWS / 4, LIVE_FLOWS * 3 / 4);
	v1_turn_ring();
	live_pass(live);
	assert_int_equal(live_moved(live), 0);

	assert_true(dyncast_dp_start(dp_dir, 0, 0));
	live_pass(live);
	assert_int_equal(live_moved(live), 0);
	assert_int_equal(live_lost(live), 0);
	no_v1_left();

	/* whoever goes on with it finds the same numbers */
	assert_int_equal(dyncast_dp_service_get(DP_TABLE, &prefix, &created),
			 V1_INDEX);
	assert_false(created);
	assert_int_equal(dyncast_dp_instance_get(V1_INDEX, &a, &created), V1_A);
	assert_int_equal(dyncast_dp_instance_get(V1_INDEX, &b, &created), V1_B);
	assert_false(created);
	assert_true(dyncast_dp_attached(dp_ifindex));
	assert_int_equal(dyncast_dp.flow_table_size, 8192);
	assert_int_equal(status().layout_version, DYNCAST_MAP_VERSION);

	/* it was by entries and memory that they stayed */
	dyncast_dp_flow_clear(-1);
	live_pass(live);
	assert_true(live_moved(live) > LIVE_FLOWS * 9 / 10);
	live_stop(live);
}

static void upgrade_of_links(void **state)
{
	(void)state;
	if (!have_tcx)
		skip();
	upgrade(true);
}

static void upgrade_of_filters(void **state)
{
	(void)state;
	upgrade(false);
}

/* maps of layout 1 that cannot be used are said and removed */
static void incomplete_layout_1(void **state)
{
	(void)state;
	v1_leave_behind(false);
	unlink(v1_pin("slots"));
	assert_true(dyncast_dp_start(dp_dir, 0, 0));
	assert_int_not_equal(access(v1_pin("instances"), F_OK), 0);
	assert_int_not_equal(access(v1_pin("flows"), F_OK), 0);
}

/* what a release after ours has left */
static void later_layout(void **state)
{
	char path[128];
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "later", 4, 8, 1, NULL);

	(void)state;
	assert_true(dyncast_dp_start(dp_dir, 1024, 0));
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	dyncast_dp_stop();
	snprintf(path, sizeof(path), "%s/v%d_flows", dp_dir,
		 DYNCAST_MAP_VERSION + 1);
	assert_int_equal(bpf_obj_pin(map, path), 0);
	assert_true(dyncast_dp_start(dp_dir, 0, 0));
	assert_int_not_equal(access(path, F_OK), 0);
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
	close(map);
}

static void start_v2(uint32_t flows)
{
	int service;
	uint32_t a, b;

	assert_true(dyncast_dp_start(dp_dir, flows, 0));
	service = dp_service_idle(DP_TABLE, SERVICE, TIMEOUT);
	a = dp_adjacent_at(service, LIVE_A, live_ifindex(1));
	b = dp_adjacent_at(service, LIVE_B, live_ifindex(2));
	dp_ring(service, a, b);
	assert_true(dyncast_dp_attach(dp_ifindex, "dv0", DP_TABLE,
				      DYNCAST_DP_ATTACH_STEER));
}

/* every slot to the other instance: flows stay by entries and memory alone */
static void turn_ring(void)
{
	uint32_t ring[DYNCAST_RING_SLOTS], a, b;

	assert_true(dyncast_dp_ring_get(0, ring));
	a = ring[0];
	b = ring[1];
	dp_ring(0, b, a);
}

static uint32_t pinned_entries(const char *name)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(pin(name));

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.max_entries;
}

static void assert_flows(uint32_t flows)
{
	assert_int_equal(pinned_entries("flows4"),
			 dyncast_dp_buckets_for(flows));
}

/* other sizes, over a restart and without one, larger and smaller */
static void sizes_change(void **state)
{
	struct dyncast_dp_counters before, after;
	struct live *live;

	(void)state;
	start_v2(8192);
	live = live_start();
	turn_ring();
	live_pass(live);
	assert_true(dyncast_dp_instance_counters(1, &before));

	assert_true(dyncast_dp_start(dp_dir, 32768, 1024));
	live_pass(live);
	assert_int_equal(live_moved(live), 0);
	assert_flows(32768);
	assert_int_equal(pinned_entries("slots"), 1024 * DYNCAST_RING_SLOTS);
	assert_int_equal(dyncast_dp_services_max(), 1024);
	assert_true(dyncast_dp_instance_counters(1, &after));
	assert_true(after.packets >= before.packets);

	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 2048, 16));
	live_pass(live);
	assert_int_equal(live_moved(live), 0);
	assert_int_equal(live_lost(live), 0);
	assert_flows(2048);
	assert_int_equal(dyncast_dp_services_max(), 16);
	no_v1_left();

	/* nothing said: nothing changes */
	dyncast_dp_stop();
	assert_true(dyncast_dp_start(dp_dir, 0, 0));
	assert_flows(2048);
	assert_int_equal(dyncast_dp_services_max(), 16);

	dyncast_dp_flow_clear(-1);
	live_pass(live);
	assert_true(live_moved(live) > LIVE_FLOWS * 9 / 10);
	live_stop(live);
}

/* services that are there keep their place in a table that would be smaller */
static void no_room_for_services(void **state)
{
	struct dyncast_prefix prefix = dp_prefix("10.255.1.0/32");
	bool created;

	(void)state;
	assert_true(dyncast_dp_start(dp_dir, 1024, 64));
	for (int i = 0; i < 40; i++) {
		prefix.addr.bytes[3] = i;
		assert_int_equal(
			dyncast_dp_service_get(DP_TABLE, &prefix, &created), i);
	}
	assert_true(dyncast_dp_start(dp_dir, 0, 16));
	assert_int_equal(dyncast_dp_services_max(), 40);
	assert_int_equal(dyncast_dp_service_get(DP_TABLE, &prefix, &created),
			 39);
	assert_false(created);
}

/* sizes that no memory is there for leave everything as it is */
static void no_memory_for_sizes(void **state)
{
	struct live *live;

	(void)state;
	start_v2(8192);
	live = live_start();
	turn_ring();
	assert_true(dyncast_dp_start(dp_dir, 0x7fffffff, 0));
	live_pass(live);
	assert_int_equal(live_moved(live), 0);
	assert_int_equal(live_lost(live), 0);
	assert_flows(8192);
	no_v1_left();
	live_stop(live);
}

/* Killing ----------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* a start of its own that is killed after that time; true: it was done before
 */
static bool killed_start(uint32_t flows, uint32_t services, unsigned int after)
{
	pid_t parent = getpid(), child;
	int status_of;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		_exit(dyncast_dp_start(dp_dir, flows, services) ? 0 : 1);
	}
	usleep(after);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status_of, 0), child);
	assert_true(WIFSIGNALED(status_of) || !WEXITSTATUS(status_of));
	return WIFEXITED(status_of);
}

/* killed at moments all over the upgrade */
static void killed_upgrade(void **state)
{
	unsigned int after = 10000, done = 0, killed = 0;
	struct live *live;

	(void)state;
	v1_leave_behind(have_tcx);
	live = live_start();
	v1_turn_ring();
	live_pass(live);
	assert_int_equal(live_moved(live), 0);
	while (!done && killed < 200) {
		done = killed_start(0, 0, after);
		killed += !done;
		after += after / 8;
		assert_int_equal(live_moved(live), 0);
	}
	print_message("killed %u times before an upgrade was complete\n",
		      killed);
	assert_true(killed > 3);
	assert_true(dyncast_dp_start(dp_dir, 0, 0));
	live_pass(live);
	assert_int_equal(live_moved(live), 0);
	assert_int_equal(live_lost(live), 0);
	no_v1_left();
	live_stop(live);
}

/* .. and of starts that change sizes to and fro */
static void killed_resize(void **state)
{
	unsigned int time, killed = 0, starts = 60;
	struct live *live;

	(void)state;
	start_v2(4096);
	live = live_start();
	turn_ring();
	live_pass(live);
	dyncast_dp_stop();
	time = now_us();
	assert_true(dyncast_dp_start(dp_dir, 8192, 64));
	time = now_us() - time;
	dyncast_dp_stop();
	if (time > 2000000) /* an emulated processor */
		starts = 20;
	srand(1);
	for (unsigned int i = 0; i < starts; i++) {
		killed += !killed_start(i % 2 ? 4096 : 8192, i % 3 ? 64 : 256,
					time / 4 + rand() % time);
		assert_int_equal(live_moved(live), 0);
	}
	print_message("killed in %u of %u starts\n", killed, starts);
	assert_true(killed > starts / 6);
	assert_true(dyncast_dp_start(dp_dir, 16384, 32));
	live_pass(live);
	assert_int_equal(live_moved(live), 0);
	assert_int_equal(live_lost(live), 0);
	assert_flows(16384);
	no_v1_left();
	live_stop(live);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(upgrade_of_links),	   TEST(upgrade_of_filters),
		TEST(incomplete_layout_1), TEST(later_layout),
		TEST(sizes_change),	   TEST(no_room_for_services),
		TEST(no_memory_for_sizes), TEST(killed_upgrade),
		TEST(killed_resize),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("dataplane: upgrade", tests,
					   group_setup, dp_group_teardown);
}
