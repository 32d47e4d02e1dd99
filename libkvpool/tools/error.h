/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_ERROR_H
#define KVPOOLCTL_ERROR_H

/**
 * enum code - Exit status of kvpoolctl
 * @CODE_OK:		The command succeeded.
 * @CODE_FAILED:	The command failed, and no other status fits.
 * @CODE_USAGE:		The command line is wrong; nothing was tried.
 * @CODE_UNAVAILABLE:	A module or debugfs is missing.
 * @CODE_NOT_PERMITTED:	The user lacks the privilege.
 * @CODE_NOT_FOUND:	The named object does not exist.
 * @CODE_BUSY:		The object is in use.
 * @CODE_EXISTS:	An object of this name exists already.
 * @NR_CODES:		Number of statuses.
 */
enum code {
	CODE_OK,
	CODE_FAILED,
	CODE_USAGE,
	CODE_UNAVAILABLE,
	CODE_NOT_PERMITTED,
	CODE_NOT_FOUND,
	CODE_BUSY,
	CODE_EXISTS,
	NR_CODES,
};

/**
 * struct code_info - Name and meaning of an exit status
 * @name:	The value of "code" in JSON.
 * @meaning:	One line for people.
 */
struct code_info {
	const char *name;
	const char *meaning;
};

extern const struct code_info code_infos[NR_CODES];

enum code error_set(enum code code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void error_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void error_append(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
enum code error_code(int error);
void error_report(enum code code);

#endif /* KVPOOLCTL_ERROR_H */
