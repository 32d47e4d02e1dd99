// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The functions of the header as other languages call them: by their name in the
 * shared library. Each fills an operation as the inline one does.
 */

#include "mock.h"
#include "tap.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>

static void *library;
static struct kvpool_op from_header, from_library;

static bool changes;		/* it fills in some members only */

/* Stale members would show. */
static void forget(void)
{
	memset(&from_header, 0x55, sizeof(from_header));
	memset(&from_library, changes ? 0x55 : 0xaa, sizeof(from_library));
}

static bool both_alike(void)
{
	return !memcmp(&from_header, &from_library, sizeof(from_header));
}

/* Calls @name with the arguments behind the operation, both ways. */
#define compare(name, ...) do {							\
	__typeof__(name) *exported = (__typeof__(name) *)dlsym(library, #name);	\
										\
	expect(exported && exported != name);					\
	if (!exported)								\
		break;								\
	forget();								\
	name(&from_header, __VA_ARGS__);					\
	exported(&from_library, __VA_ARGS__);					\
	expect(both_alike());							\
} while (0)

static void exported_equal_inline(void)
{
	const struct kvpool_key key = mock_id(12345);

	compare(kvpool_op_init, KVPOOL_OP_NOP, 1);
	compare(kvpool_op_probe, &key, KVPOOL_OP_REMOTE, 2, 3);
	compare(kvpool_op_lease, &key, KVPOOL_OP_WAIT, 4);
	compare(kvpool_op_fetch, &key, 65536, 5, 6);
	compare(kvpool_op_push, &key, 7, 8);
	compare(kvpool_op_release, 9, 10);
	compare(kvpool_op_reserve, &key, 1 << 20, 11);
	compare(kvpool_op_seal, 12, KVPOOL_OP_PIN_SOFT, 13);
	changes = true;
	compare(kvpool_op_chain, &key, 14);
}

static void versions_agree(void)
{
	uint32_t (*version)(void) = (uint32_t (*)(void))dlsym(library, "kvpool_version");

	expect(version && version() == KVPOOL_VERSION);
}

int main(void)
{
	const char *path = getenv("KVPOOL_TEST_LIBRARY");

	library = dlopen(path ? path : "libkvpool.so", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		printf("Bail out! %s; set KVPOOL_TEST_LIBRARY to libkvpool.so\n", dlerror());
		return 1;
	}
	run(exported_equal_inline);
	run(versions_agree);
	dlclose(library);
	return tap_end();
}
