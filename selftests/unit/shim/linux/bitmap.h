/* SPDX-License-Identifier: GPL-2.0 */
/* Unlike the kernel's functions, these check their arguments. */
#ifndef _SHIM_BITMAP_H
#define _SHIM_BITMAP_H

#include <linux/kernel.h>

#define BITS_TO_LONGS(n)		DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits)	unsigned long name[BITS_TO_LONGS(bits)]

#define SHIM_WORD(map, n)	((map)[(n) / BITS_PER_LONG])
#define SHIM_BIT(n)		BIT((n) % BITS_PER_LONG)

static inline void __set_bit(unsigned long n, unsigned long *map)
{
	SHIM_WORD(map, n) |= SHIM_BIT(n);
}

static inline void __clear_bit(unsigned long n, unsigned long *map)
{
	SHIM_WORD(map, n) &= ~SHIM_BIT(n);
}

static inline bool test_bit(unsigned long n, const unsigned long *map)
{
	return SHIM_WORD(map, n) & SHIM_BIT(n);
}

static inline void bitmap_zero(unsigned long *map, unsigned int bits)
{
	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(long));
}

/* Setting a bit that is set, or the reverse, is legal: the caller's affair. */
static inline void bitmap_set(unsigned long *map, unsigned int start,
			      unsigned int nr)
{
	while (nr--)
		__set_bit(start++, map);
}

static inline void bitmap_clear(unsigned long *map, unsigned int start,
				unsigned int nr)
{
	while (nr--)
		__clear_bit(start++, map);
}

/* The first bit from @from on that differs from those of @invert. */
static inline unsigned long shim_find(const unsigned long *map,
				      unsigned long size, unsigned long from,
				      unsigned long invert)
{
	unsigned long word, n;

	while (from < size) {
		word = (SHIM_WORD(map, from) ^ invert) &
		       (~0UL << (from % BITS_PER_LONG));
		n = from - from % BITS_PER_LONG;
		if (word)
			return min_t(unsigned long, size,
				     n + __builtin_ctzl(word));
		from = n + BITS_PER_LONG;
	}
	return size;
}

static inline unsigned long find_next_bit(const unsigned long *map,
					  unsigned long size,
					  unsigned long from)
{
	return shim_find(map, size, from, 0);
}

static inline unsigned long find_next_zero_bit(const unsigned long *map,
					       unsigned long size,
					       unsigned long from)
{
	return shim_find(map, size, from, ~0UL);
}

/* @size if there is none. */
static inline unsigned long find_last_bit(const unsigned long *map,
					  unsigned long size)
{
	unsigned long n = size;

	while (n--) {
		if (!SHIM_WORD(map, n))
			n -= n % BITS_PER_LONG;
		else if (test_bit(n, map))
			return n;
	}
	return size;
}

#define for_each_clear_bitrange(start, end, map, size)			\
	for ((start) = find_next_zero_bit(map, size, 0);		\
	     (end) = find_next_bit(map, size, start), (start) < (size);	\
	     (start) = find_next_zero_bit(map, size, end))

static inline unsigned long
bitmap_find_next_zero_area(const unsigned long *map, unsigned long size,
			   unsigned long start, unsigned int nr,
			   unsigned long align_mask)
{
	unsigned long used;

	for (;;) {
		start = find_next_zero_bit(map, size, start);
		start = (start + align_mask) & ~align_mask;
		/* Beyond the size, as the kernel's: there is none. */
		if (start + nr > size)
			return start + nr;
		used = find_next_bit(map, start + nr, start);
		if (used == start + nr)
			return start;
		start = used + 1;
	}
}

#define find_first_bit(map, size)	find_next_bit(map, size, 0)

#endif /* _SHIM_BITMAP_H */
