/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An assertion that cmocka has under one name in its release 1, and under
 * another one in release 2, which calls the first deprecated.
 */

#ifndef DYNCAST_TESTS_BETWEEN_H
#define DYNCAST_TESTS_BETWEEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* min <= value <= max, without signs */
#define assert_between(value, min, max)                                        \
	do {                                                                   \
		uintmax_t value_ = (value), min_ = (min), max_ = (max);        \
                                                                               \
		if (value_ < min_ || value_ > max_)                            \
			fail_msg("%s is %ju, not %ju to %ju", #value, value_,  \
				 min_, max_);                                  \
	} while (0)

#endif /* DYNCAST_TESTS_BETWEEN_H */
