// SPDX-License-Identifier: MIT
/* Allocations that end the program where they fail. */
#include "memory.h"

#include <stdlib.h>

#include "error.h"

/**
 * memory_exhausted - Report the lack of memory, and exit
 */
void memory_exhausted(void)
{
	error_report(error_set(CODE_FAILED, "out of memory"));
	exit(CODE_FAILED);
}

/**
 * memory_resize - Allocate memory or change its size
 * @memory:	From this function or malloc(), or null.
 * @nr:		Number of elements.
 * @size:	Of each, in bytes.
 *
 * Return: The memory, to be freed by the caller. A failure ends the program.
 */
void *memory_resize(void *memory, size_t nr, size_t size)
{
	memory = reallocarray(memory, nr ? nr : 1, size);
	if (!memory)
		memory_exhausted();
	return memory;
}
