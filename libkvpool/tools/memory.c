// SPDX-License-Identifier: MIT
/* Memory, or the end of the program. */
#include "memory.h"

#include <stdlib.h>

#include "error.h"

/**
 * memory_exhausted - Report that there is no memory, and exit
 */
void memory_exhausted(void)
{
	error_report(error_set(CODE_FAILED, "out of memory"));
	exit(CODE_FAILED);
}

/**
 * memory_resize - Allocate memory, or change how much there is
 * @memory:	From this function or malloc(), or null.
 * @nr:		How many elements.
 * @size:	Of each, in bytes.
 *
 * Return: The memory, to be freed by the caller. Exits where there is none.
 */
void *memory_resize(void *memory, size_t nr, size_t size)
{
	memory = reallocarray(memory, nr ? nr : 1, size);
	if (!memory)
		memory_exhausted();
	return memory;
}
