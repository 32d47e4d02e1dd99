// SPDX-License-Identifier: MIT
/* The failure of a command is kept until main() reports it, on stderr and in JSON. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "utf8.h"

const struct code_info code_infos[NR_CODES] = {
	[CODE_OK] = { "ok", "done" },
	[CODE_FAILED] = { "failed", "failed; the message says why" },
	[CODE_USAGE] = { "usage", "wrong command line; nothing was changed" },
	[CODE_UNAVAILABLE] = { "unavailable",
			       "the module kvpool or kvpool_rdma is not loaded, or debugfs is not mounted" },
	[CODE_NOT_PERMITTED] = { "not_permitted", "not permitted for this user" },
	[CODE_NOT_FOUND] = { "not_found", "no such object" },
	[CODE_BUSY] = { "busy", "the object is in use" },
	[CODE_EXISTS] = { "exists", "an object of this name exists already" },
};

static char message[1024];
static char hint[1024];

/**
 * error_set - Keep a failure for error_report()
 * @code:	Exit status.
 * @fmt:	The event and the object that it is about, without a full stop.
 *
 * Forgets the failure and the hint that were kept before.
 * Return: @code.
 */
enum code error_set(enum code code, const char *fmt, ...)
{
	va_list args;

	*hint = '\0';
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	return code;
}

/**
 * error_hint - Add advice to the failure that is kept
 * @fmt:	The next step of the user, without a full stop.
 */
void error_hint(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(hint, sizeof(hint), fmt, args);
	va_end(args);
}

/**
 * error_append - Add to the message of the failure that is kept
 * @fmt:	The rest of the sentence, with the blank or comma before it.
 */
void error_append(const char *fmt, ...)
{
	size_t used = strlen(message);
	va_list args;

	va_start(args, fmt);
	vsnprintf(message + used, sizeof(message) - used, fmt, args);
	va_end(args);
}

/**
 * error_code - The exit status that belongs to an errno
 * @error:	Negative errno.
 *
 * Return: The exit status, CODE_FAILED where no other fits.
 */
enum code error_code(int error)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		return CODE_NOT_PERMITTED;
	case ENOENT:
		return CODE_NOT_FOUND;
	case EBUSY:
		return CODE_BUSY;
	case EEXIST:
		return CODE_EXISTS;
	default:
		return CODE_FAILED;
	}
}

static void print_line(void)
{
	fflush(stdout);
	fputs("kvpoolctl: ", stderr);
	utf8_print(stderr, message);
	if (*hint) {
		fputs("; ", stderr);
		utf8_print(stderr, hint);
	}
	fputc('\n', stderr);
}

/**
 * error_report - Print the failure that is kept
 * @code:	Exit status, not CODE_OK.
 *
 * Prints one line on stderr. With --json the member "error" goes to stdout too, in the
 * document that is begun or in a new one.
 */
void error_report(enum code code)
{
	print_line();
	if (!out_is_json())
		return;
	out_rewind();
	out_object("error");
	out_text("code", code_infos[code].name);
	out_number("exit_status", code);
	out_text("message", message);
	if (*hint)
		out_text("hint", hint);
	out_end();
	out_finish();
}
