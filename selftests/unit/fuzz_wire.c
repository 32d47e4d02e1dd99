// SPDX-License-Identifier: GPL-2.0
#include "model_wire.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The first byte selects the message, the second one the agreed terms. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct kvpool_wire_terms terms;

	if (size < 2)
		return 0;
	wire_terms(&terms, data[1]);
	switch (data[0] % 5) {
	case 0: wire_capsule(data + 2, size - 2, &terms); break;
	case 1: wire_response(data + 2, size - 2); break;
	case 2: wire_connect(data + 2, size - 2); break;
	case 3: wire_accept(data + 2, size - 2, &terms); break;
	case 4: wire_reject(data + 2, size - 2); break;
	}
	return 0;
}
