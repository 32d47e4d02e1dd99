/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_OPTIONS_H
#define KVP_OPTIONS_H

#include <stddef.h>

/* The size of a structure that ends with @member, as it was published first. */
#define KVP_SIZE_TO(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

/**
 * kvp_options() - Copy the options of a caller, which may be older or newer
 * @to:	   Where to store them. Members that the caller does not have are zero.
 * @known: sizeof(*@to).
 * @first: The smallest valid size: that of the first published version.
 * @from:  The caller's options, which begin with their size; or null.
 * @call:  The public function, for the error text.
 *
 * Return: 0, -EINVAL if the size is too small, or -E2BIG if the caller sets a
 * member that this library does not know.
 */
int kvp_options(void *to, size_t known, size_t first, const void *from, const char *call);

#endif /* KVP_OPTIONS_H */
