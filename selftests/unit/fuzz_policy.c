// SPDX-License-Identifier: GPL-2.0
#include "model_policy.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	policy_ops(data, size);
	return 0;
}
