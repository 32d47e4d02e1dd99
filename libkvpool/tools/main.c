// SPDX-License-Identifier: MIT
/* kvpoolctl: shows and changes the KV-cache pool of this host. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "help.h"
#include "out.h"
#include "request.h"

/* Output that cannot be written, for instance to a full disk, is a failure. */
static enum code flush_stdout(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return CODE_OK;
	return error_set(CODE_FAILED, "cannot write the output: %s",
			 errno ? strerror(errno) : "an earlier write failed");
}

static enum code run(struct request *request)
{
	enum code code;

	if (request_has(request, OPTION_HELP)) {
		help_show(request->noun);
		return CODE_OK;
	}
	if (request_has(request, OPTION_VERSION)) {
		help_version();
		return CODE_OK;
	}
	code = request->verb->run(request);
	if (!code)
		out_done();
	return code;
}

int main(int argc, char **argv)
{
	struct request request;
	enum code code;

	code = request_parse(&request, argc, argv) ?: run(&request);
	if (code)
		error_report(code);
	if (flush_stdout() && !code) {
		code = CODE_FAILED;
		error_report(code);
	}
	return (int)code;
}
