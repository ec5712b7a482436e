// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/owner.c: who looks sees the lock of another process for exactly
 * as long as that lives, and is in nobody's way.
 */

#include "tests/unit/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/owner.h"

static char dir[] = "/tmp/dyncast-owner-XXXXXX";

static int dir_make(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int dir_remove(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, DYNCAST_OWNER_FILE);
	unlink(path);
	return rmdir(dir);
}

static void test_nobody(void **state)
{
	assert_false(dyncast_owner_held(dir));
	assert_false(dyncast_owner_held("/nonexistent"));
	assert_int_equal(dyncast_owner_take("/nonexistent"), -1);
}

static void test_held(void **state)
{
	int fd = dyncast_owner_take(dir);

	assert_true(fd >= 0);
	for (int i = 0; i < 3; i++)
		assert_true(dyncast_owner_held(dir));
	assert_int_equal(dyncast_owner_take(dir), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	/* the file is there, and says nothing by itself */
	assert_false(dyncast_owner_held(dir));
	fd = dyncast_owner_take(dir);
	assert_true(fd >= 0);
	close(fd);
}

/* a daemon forks into the background, and is killed one day */
static void test_fork_and_kill(void **state)
{
	int fd = dyncast_owner_take(dir), status;
	pid_t child = fork();

	if (!child) {
		/* also when an assertion ends the test before us */
		alarm(10);
		pause();
		_exit(0);
	}
	close(fd);
	assert_true(dyncast_owner_held(dir));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(dyncast_owner_held(dir));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_fork_and_kill),
	};

	return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
