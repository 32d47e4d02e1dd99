// SPDX-License-Identifier: GPL-2.0
/* Can such a program be built and run here? */
#include <stddef.h>
#include <stdint.h>

#ifdef FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
