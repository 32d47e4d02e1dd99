// SPDX-License-Identifier: GPL-2.0
/* Arrays of the uAPI: reading them once, checking them, writing them back. */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/kvpool.h>

#include "cache/block.h"
#include "dev/call.h"
#include "dev/copy.h"
#include "file/hold.h"
#include "file/span.h"

/*
 * Arrays of up to 64 entries. With a constructor, memory is not set to zero each
 * time (init_on_alloc), which would cost more than most of a call does: all that
 * is used of an array is first copied from the user.
 */
#define KVPOOL_ARRAY_SIZE	4096

static struct kmem_cache *kvpool_array_cache;

static void kvpool_array_ctor(void *array)
{
	memset(array, 0, KVPOOL_ARRAY_SIZE);
}

/**
 * kvpool_arrays_init() - Create the slab cache of arrays
 *
 * Context: Module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kvpool_arrays_init(void)
{
	kvpool_array_cache =
		kmem_cache_create_usercopy("kvpool_array", KVPOOL_ARRAY_SIZE,
					   0, 0, 0, KVPOOL_ARRAY_SIZE,
					   kvpool_array_ctor);
	return kvpool_array_cache ? 0 : -ENOMEM;
}

/**
 * kvpool_arrays_exit() - Undo kvpool_arrays_init()
 *
 * Context: Module unload; may sleep.
 */
void kvpool_arrays_exit(void)
{
	kmem_cache_destroy(kvpool_array_cache);
}

/**
 * kvpool_array_read() - Read an array of the uAPI
 * @ptr: the caller's array
 * @nr: its length
 * @size: bytes of an element
 *
 * Context: May sleep.
 * Return: a copy, which the caller frees with kvfree(), or ERR_PTR(-EINVAL,
 * -EFAULT or -ENOMEM).
 */
void *kvpool_array_read(u64 ptr, u32 nr, size_t size)
{
	void *array;

	if (!nr || nr > KVPOOL_MAX_BATCH)
		return ERR_PTR(-EINVAL);
	if (nr * size <= KVPOOL_ARRAY_SIZE)
		array = kmem_cache_alloc(kvpool_array_cache, GFP_KERNEL);
	else
		array = kvmalloc(nr * size, GFP_KERNEL);
	if (!array)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(array, u64_to_user_ptr(ptr), nr * size)) {
		kvfree(array);
		return ERR_PTR(-EFAULT);
	}
	return array;
}

static bool kvpool_pins_ok(u32 flags, u32 allowed)
{
	return !(flags & ~allowed) &&
	       flags != (KVPOOL_PIN_SOFT | KVPOOL_PIN_HARD);
}

/* Are all members zero that follow the key? */
static bool kvpool_entry_is_key(const struct kvpool_entry *e)
{
	const u64 *words = (const u64 *)(e + 1) - 4;

	BUILD_BUG_ON(sizeof(*e) != sizeof(e->key) + 4 * sizeof(u64));
	return !(words[0] | words[1] | words[2] | words[3]);
}

/**
 * kvpool_entries_read() - Read and check the entries of a call on keys
 * @ptr: the caller's array
 * @nr: its length
 * @pins: KVPOOL_PIN_* that an entry may have
 * @flags: KVPOOL_ENTRIES_*
 *
 * Context: May sleep.
 * Return: a copy, which the caller frees with kvfree(), or ERR_PTR(-EINVAL,
 * -EFAULT or -ENOMEM).
 */
struct kvpool_entry *kvpool_entries_read(u64 ptr, u32 nr, u32 pins,
					 unsigned int flags)
{
	bool length = flags & KVPOOL_ENTRIES_LENGTH;
	struct kvpool_entry *entries;
	u32 i;

	entries = kvpool_array_read(ptr, nr, sizeof(*entries));
	if (IS_ERR(entries))
		return entries;
	for (i = 0; i < nr; i++) {
		const struct kvpool_entry *e = &entries[i];

		/* Mostly an entry has nothing but its key. */
		if (!length && kvpool_entry_is_key(e))
			continue;
		if (e->handle || e->status || e->span_index || e->nr_spans ||
		    !kvpool_pins_ok(e->flags, pins))
			goto invalid;
		if (!length && e->length)
			goto invalid;
		if (length && (e->length < KVPOOL_BLOCK_MIN ||
			       e->length > KVPOOL_BLOCK_MAX))
			goto invalid;
	}
	return entries;

invalid:
	kvfree(entries);
	return ERR_PTR(-EINVAL);
}

/**
 * kvpool_handles_read() - Read and check the entries of a call on handles
 * @ptr: the caller's array
 * @nr: its length
 * @pins: KVPOOL_PIN_* that an entry may have
 *
 * Context: May sleep.
 * Return: a copy, which the caller frees with kvfree(), or ERR_PTR(-EINVAL,
 * -EFAULT or -ENOMEM).
 */
struct kvpool_handle_entry *kvpool_handles_read(u64 ptr, u32 nr, u32 pins)
{
	struct kvpool_handle_entry *entries;
	u32 i;

	entries = kvpool_array_read(ptr, nr, sizeof(*entries));
	if (IS_ERR(entries))
		return entries;
	for (i = 0; i < nr; i++) {
		if (entries[i].status ||
		    !kvpool_pins_ok(entries[i].flags, pins)) {
			kvfree(entries);
			return ERR_PTR(-EINVAL);
		}
	}
	return entries;
}

/**
 * kvpool_entries_write() - Write entries back
 * @ptr: the caller's array
 * @entries: the copy
 * @bytes: size of the copy
 *
 * Context: May sleep.
 * Return: 0 or -EFAULT.
 */
int kvpool_entries_write(u64 ptr, const void *entries, size_t bytes)
{
	return copy_to_user(u64_to_user_ptr(ptr), entries, bytes) ? -EFAULT : 0;
}

/**
 * kvpool_spans_flush() - Write the spans that have been gathered
 * @out: the spans
 *
 * Context: May sleep.
 * Return: 0 or -EFAULT.
 */
int kvpool_spans_flush(struct kvpool_span_out *out)
{
	size_t bytes = out->nr * sizeof(out->spans[0]);

	if (bytes &&
	    copy_to_user(u64_to_user_ptr(out->ptr), out->spans, bytes))
		return -EFAULT;
	out->ptr += bytes;
	out->nr = 0;
	cond_resched();
	return 0;
}

/**
 * kvpool_spans_add() - Gather spans of a block, and write some if there are many
 * @out: the spans
 * @place: the place of a block that the caller has a reference to
 * @first: index of the first extent
 * @nr: number of extents
 *
 * Context: May sleep.
 * Return: 0 or -EFAULT.
 */
int kvpool_spans_add(struct kvpool_span_out *out,
		     const struct kvpool_place *place, u32 first, u32 nr)
{
	int ret;

	for (; nr--; first++) {
		if (out->nr == KVPOOL_SPANS_AT_ONCE) {
			ret = kvpool_spans_flush(out);
			if (ret)
				return ret;
		}
		kvpool_span_fill(&out->spans[out->nr++], place, first);
	}
	return 0;
}

/**
 * kvpool_spans_write() - Write the spans of a block
 * @ptr: the caller's array of struct kvpool_span
 * @place: the place of a block that the caller has a reference to
 * @first: index of the first extent to write
 * @nr: number of extents to write
 *
 * Context: May sleep.
 * Return: 0 or -EFAULT.
 */
int kvpool_spans_write(u64 ptr, const struct kvpool_place *place, u32 first,
		       u32 nr)
{
	struct kvpool_span_out out;

	kvpool_span_out_init(&out, ptr, nr);
	return kvpool_spans_add(&out, place, first, nr) ?:
	       kvpool_spans_flush(&out);
}

/**
 * kvpool_blocks_refuse() - Report that a call could not make its handles
 * @why: -EMFILE, which becomes the status of each entry, or another negative
 *	 errno, which becomes that of the call
 * @entries: the copy of the entries; freed
 * @to: the caller's entries
 * @nr: number of entries
 *
 * Context: May sleep.
 * Return: 0 or a negative errno.
 */
int kvpool_blocks_refuse(int why, struct kvpool_entry *entries, u64 to, u32 nr)
{
	u32 i;

	if (why == -EMFILE) {
		for (i = 0; i < nr; i++)
			entries[i].status = why;
		why = kvpool_entries_write(to, entries, nr * sizeof(*entries));
	}
	kvfree(entries);
	return why;
}

/**
 * kvpool_blocks_finish() - Write back the entries of a call that makes handles
 * @call: the call
 * @entries: the copy of the entries, which are filled in; freed
 * @to: the caller's entries
 * @out: the spans
 * @ret: 0, or the negative errno that writing has failed with before
 *
 * Context: May sleep.
 * Return: 0; or -EFAULT after kvpool_hold_undo() of the call's hold.
 */
int kvpool_blocks_finish(struct kvpool_call *call, struct kvpool_entry *entries,
			 u64 to, struct kvpool_span_out *out, int ret)
{
	if (!ret)
		ret = kvpool_spans_flush(out);
	if (!ret)
		ret = kvpool_entries_write(to, entries, call->hold->nr *
					   sizeof(*entries));
	kvfree(entries);
	if (ret) {
		kvpool_hold_undo(call->ctx, call->hold);
		call->hold = NULL;
	}
	return ret;
}

/**
 * kvpool_blocks_write() - Write back the results of a call that makes handles
 * @call: the call; its hold has a block for each entry with status zero
 * @entries: the copy of the entries; freed
 * @to: the caller's entries
 * @spans: the caller's array of struct kvpool_span
 * @nr_spans: in: length of @spans; out: spans written
 *
 * Context: May sleep.
 * Return: 0; or -EFAULT after kvpool_hold_undo() of the call's hold.
 */
int kvpool_blocks_write(struct kvpool_call *call, struct kvpool_entry *entries,
			u64 to, u64 spans, u32 *nr_spans)
{
	struct kvpool_span_out out;
	struct kvpool_hold *hold = call->hold;
	int ret = 0;
	u32 i;

	kvpool_span_out_init(&out, spans, *nr_spans);
	for (i = 0; !ret && i < hold->nr; i++)
		if (hold->blocks[i])
			ret = kvpool_entry_fill(&out, &entries[i], hold, i,
						hold->blocks[i]);
	*nr_spans = out.used;
	return kvpool_blocks_finish(call, entries, to, &out, ret);
}
