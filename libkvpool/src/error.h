/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef KVP_ERROR_H
#define KVP_ERROR_H

/**
 * kvp_fail() - Set the thread's error text
 * @error: A negative errno.
 * @fmt:   What happened, to what, and what to do.
 *
 * Return: @error.
 */
int kvp_fail(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * kvp_errno_text() - The system's words for an errno
 * @error: A positive errno.
 *
 * Return: a constant string.
 */
const char *kvp_errno_text(int error);

#endif /* KVP_ERROR_H */
