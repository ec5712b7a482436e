/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixed-point logarithm and power of two, for cost and ring.
 *
 * Integers only: every router must come to the same weights and the same
 * ring, and floating point differs between processors and C libraries (fused
 * multiply-add, log()).  Any thread; no state.
 */

#ifndef DYNCAST_FIXED_H
#define DYNCAST_FIXED_H

#include <stdint.h>

/* log2(x) with so many fractional bits (at most 32), the rest cut off; good to
 * about 2^-29.  x must not be 0. */
static inline uint64_t dyncast_log2(uint64_t x, unsigned int bits)
{
	unsigned int whole = 63 - (unsigned int)__builtin_clzll(x);
	/* x / 2^whole, in [1, 2), with 31 fractional bits */
	uint64_t m = whole > 31 ? x >> (whole - 31) : x << (31 - whole);
	uint64_t log = whole;

	/* squaring doubles the logarithm: its next bit is whether m got >= 2 */
	while (bits--) {
		m = m * m >> 31;
		log = log << 1 | m >> 32;
		m >>= m >> 32;
	}
	return log;
}

static inline uint64_t dyncast_log2_q32(uint64_t x)
{
	return dyncast_log2(x, 32);
}

/* 2^x, x and result with 16 fractional bits; -16 <= x < 16 */
static inline uint64_t dyncast_exp2_q16(int32_t x)
{
	/* x = whole + f with f in [0, 1) */
	int32_t whole = x >= 0 ? x / 65536 : -((65535 - x) / 65536);
	uint64_t f = (uint64_t)(x - whole * 65536);
	/* 2^f as a polynomial, coefficients ln(2)^k / k! times 2^30, the last
	 * one rounded up to make 2^1 come out right */
	uint64_t p = 1614988;

	p = (p * f >> 16) + 10327387;
	p = (p * f >> 16) + 59597083;
	p = (p * f >> 16) + 257941248;
	p = (p * f >> 16) + 744261118;
	p = (p * f >> 16) + (1u << 30);
	return whole >= 0 ? (p << whole) >> 14 : p >> (14 - whole);
}

/*
 * Square root of a number of 32 fractional bits below 1: 16 fractional bits,
 * the rest cut off.  A straight line, good to 6 %, and two steps of Newton's,
 * which come from above.
 */
static inline uint32_t dyncast_root_q32(uint64_t x)
{
	unsigned int shift;
	uint32_t n, y;

	if (!x)
		return 0;
	shift = (unsigned int)__builtin_clz((uint32_t)x) & ~1u;
	n = (uint32_t)x << shift;
	y = (n >> 17) + (n >> 19) + 24576;
	y = (y + n / y) / 2;
	y = (y + n / y) / 2;
	if ((uint64_t)y * y > n)
		y--;
	return y >> shift / 2;
}

#endif /* DYNCAST_FIXED_H */
