// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests of lib/addr.c: order, unicast check, text, SIDs of a locator, names.
 */

#include "tests/unit/wire.h"

static void test_order(void **state)
{
	/* ascending; every pair is compared both ways */
	struct dyncast_addr sorted[] = {
		{0},
		addr_of("1.2.3.4"),
		addr_of("1.2.3.5"),
		addr_of("200.0.0.1"),
		addr_of("::1"),
		addr_of("2001:db8::1"),
		addr_of("2001:db8::1:0"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++) {
		for (size_t j = 0; j < COUNT(sorted); j++) {
			int cmp = dyncast_addr_cmp(&sorted[i], &sorted[j]);

			assert_int_equal((cmp > 0) - (cmp < 0),
					 (i > j) - (i < j));
		}
	}
}

static void test_prefix_and_key_order(void **state)
{
	struct dyncast_prefix shorter = prefix_of("10.0.0.0/8");
	struct dyncast_prefix longer = prefix_of("10.0.0.0/9");
	struct dyncast_service_key low = {.vrf_id = 1, .prefix = longer};
	struct dyncast_service_key high = {.vrf_id = 0x80000000u,
					   .prefix = shorter};

	(void)state;
	assert_true(dyncast_prefix_cmp(&shorter, &longer) < 0);
	assert_int_equal(dyncast_prefix_cmp(&longer, &longer), 0);
	assert_true(dyncast_service_key_cmp(&low, &high) < 0);
	assert_true(dyncast_service_key_cmp(&high, &low) > 0);
	high.vrf_id = 1;
	assert_true(dyncast_service_key_cmp(&high, &low) < 0);
	assert_int_equal(dyncast_service_key_cmp(&low, &low), 0);
}

static void test_make(void **state)
{
	uint8_t bytes[16];
	struct dyncast_addr addr;
	struct dyncast_addr text = addr_of("171.171.171.171");

	(void)state;
	memset(bytes, 171, sizeof(bytes));
	addr = dyncast_addr_make(AF_INET, bytes);
	/* also that the other twelve bytes are zero */
	assert_memory_equal(&addr, &text, sizeof(addr));
	addr = dyncast_addr_make(AF_UNIX, bytes);
	assert_int_equal(addr.family, 0);
	assert_int_equal(dyncast_family_size(AF_INET6), 16);
	assert_int_equal(dyncast_family_size(AF_UNIX), 0);
}

static void test_unicast(void **state)
{
	static const struct {
		const char *text;
		bool unicast;
	} cases[] = {
		{"10.0.0.1", true},
		{"192.0.2.255", true},
		{"255.255.255.254", true},
		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"127.0.0.1", false},
		{"169.254.1.1", false},
		{"169.253.1.1", true},
		{"224.0.0.1", false},
		{"239.255.255.255", false},
		{"223.255.255.255", true},
		{"255.255.255.255", false},
		{"2001:db8::1", true},
		{"fd00::1", true},
		{"5f00:0:1::", true},
		{"::", false},
		{"::1", false},
		{"::10.0.0.1", false},
		{"::ffff:10.0.0.1", false},
		{"fe80::1", false},
		{"febf::1", false},
		{"fec0::1", true},
		{"ff02::1", false},
	};
	struct dyncast_addr none = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dyncast_addr addr = addr_of(cases[i].text);

		if (dyncast_addr_is_unicast(&addr) != cases[i].unicast)
			fail_msg("%s", cases[i].text);
	}
	assert_false(dyncast_addr_is_unicast(&none));
}

static void test_contains(void **state)
{
	static const struct {
		const char *prefix;
		const char *addr;
		bool contains;
	} cases[] = {
		{"10.1.0.0/16", "10.1.255.255", true},
		{"10.1.0.0/16", "10.2.0.0", false},
		{"10.1.2.0/23", "10.1.3.9", true},
		{"10.1.2.0/23", "10.1.4.9", false},
		{"0.0.0.0/0", "8.8.8.8", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "0.0.0.0", false},
		{"10.0.0.1/32", "10.0.0.1", true},
		{"10.0.0.1/32", "10.0.0.0", false},
		{"2001:db8::/33", "2001:db8:7fff::", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::1/128", "2001:db8::1", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dyncast_prefix prefix = prefix_of(cases[i].prefix);
		struct dyncast_addr addr = addr_of(cases[i].addr);

		if (dyncast_prefix_contains(&prefix, &addr) !=
		    cases[i].contains)
			fail_msg("%s in %s", cases[i].addr, cases[i].prefix);
	}
}

static void test_text(void **state)
{
	/* printed as given, or as `printed` when host bits were cleared */
	static const struct {
		const char *text;
		const char *printed;
	} cases[] = {
		{"10.255.0.1/32", "10.255.0.1/32"},
		{"10.255.0.1/24", "10.255.0.0/24"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"2001:db8::ffff/120", "2001:db8::ff00/120"},
		{"2001:DB8::1/128", "2001:db8::1/128"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
	};
	static const char *const bad[] = {
		"",
		"/",
		"/32",
		"10.0.0.1",
		"10.0.0.1/",
		"10.0.0.1/33",
		"::/129",
		"10.0.0.1/-1",
		"10.0.0.1/+8",
		"10.0.0.1/ 8",
		"::/0x10",
		"10.0.0.1/08",
		"10.0.0/8",
		"10.0.0.256/8",
		"::g/64",
		"10.0.0.1/8/8",
		" 1.1.1.1/8",
		"1.1.1.1/8 ",
		"::/999999",
		"fe80::1%eth0/64",
		"1111111111111111111111111111111111111111111111111111/8",
	};
	char buf[DYNCAST_PREFIX_STRLEN];
	struct dyncast_prefix none = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dyncast_prefix prefix = prefix_of(cases[i].text);

		assert_string_equal(
			dyncast_prefix_str(&prefix, buf, sizeof(buf)),
			cases[i].printed);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (dyncast_prefix_parse(bad[i], &none))
			fail_msg("'%s' was accepted", bad[i]);
	}
	assert_string_equal(dyncast_prefix_str(&none, buf, sizeof(buf)), "-");
	assert_string_equal(dyncast_addr_str(&none.addr, buf, sizeof(buf)),
			    "-");
	/* a small buffer is cut, not overrun (the sanitizer watches) */
	none = prefix_of("2001:db8::1/128");
	assert_string_equal(dyncast_prefix_str(&none, buf, 5), "2001");
	dyncast_prefix_str(&none, NULL, 0);
}

static void test_locator_sid(void **state)
{
	static const struct {
		const char *locator;
		uint32_t number;
		const char *sid; /* NULL: refused */
	} cases[] = {
		{"2001:db8:e1::/64", 17, "2001:db8:e1:0:11::"},
		{"2001:db8:e1::/64", 0xfffe, "2001:db8:e1:0:fffe::"},
		{"2001:db8:e1::/48", 1, "2001:db8:e1:1::"},
		{"2001::/16", 0x1234, "2001:1234::"},
		{"2001:db8::/112", 65535, "2001:db8::ffff"},
		/* not on a byte boundary: four bits into the next group */
		{"2001:db8:f000::/36", 0x1234, "2001:db8:f123:4000::"},
		{"2001:db8:e1::/64", 0, NULL},
		{"2001:db8:e1::/64", 65536, NULL},
		{"2001::/15", 1, NULL},
		{"2001:db8::/113", 1, NULL},
		{"10.9.1.0/24", 17, "10.9.1.17"},
		{"10.9.1.0/24", 255, "10.9.1.255"},
		{"10.0.0.0/8", 65535, "10.0.255.255"},
		{"10.9.1.4/31", 1, "10.9.1.5"},
		{"10.9.1.0/24", 0, NULL},
		{"10.9.1.0/24", 256, NULL},
		{"10.9.1.5/32", 1, NULL},
		{"8.0.0.0/7", 1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dyncast_prefix locator = prefix_of(cases[i].locator);
		struct dyncast_addr sid;
		char buf[DYNCAST_ADDR_STRLEN];
		bool ok = dyncast_locator_sid(&locator, cases[i].number, &sid);

		if (ok != (cases[i].sid != NULL))
			fail_msg("%s %u", cases[i].locator, cases[i].number);
		if (ok)
			assert_string_equal(
				dyncast_addr_str(&sid, buf, sizeof(buf)),
				cases[i].sid);
	}
}

static void test_names(void **state)
{
	static const char *const good[] = {
		"a", "A-b_c.9", "1234567890123456789012345678901", /* 31 */
	};
	static const char *const bad[] = {
		"",    "12345678901234567890123456789012", /* 32 */
		"a b", "a/b",
		"a\n", "\xc3\xa4",
		"a\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(dyncast_name_valid(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(dyncast_name_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_prefix_and_key_order),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_unicast),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_locator_sid),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
