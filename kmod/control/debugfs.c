// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: all blocks, chunks, contexts and operations, for debugging.
 *
 * Blocks and chunks are copied in batches and printed from the copy, so that no
 * lock is held for longer than a batch takes, however large the pool is.
 * Between two reads a dump holds only a reference to the tenant that it has
 * reached. Records that are added or removed during the dump may be missing,
 * and blocks are shown twice if their index is resized.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>

#include <linux/kvpool.h>

#include "cache/block.h"
#include "cache/pool.h"
#include "cache/tenant.h"
#include "control/debugfs.h"
#include "file/ctx.h"
#include "file/hold.h"
#include "mem/arena.h"
#include "xfer/opdef.h"
#include "xfer/xfer.h"

#define KVPOOL_DUMP_BATCH	64

struct kvpool_dump_block {
	struct kvpool_key key;
	u32 length;
	u32 nr_extents;
	u32 state;
	u32 refs;
	u8 pin;
};

struct kvpool_dump_chunk {
	u32 index;
	int node;
	u32 used;
	u32 run;
	u32 pins;
};

struct kvpool_dump;

/**
 * struct kvpool_dump_ops - a kind of record that is dumped
 * @title:	the first line of the dump
 * @enter:	begin with the records of @tenant of the dump
 * @fill:	copy the next batch of that tenant; an empty batch ends the
 *		tenant
 * @leave:	end with the records of @tenant of the dump
 * @show:	print the record at index @i of the batch
 */
struct kvpool_dump_ops {
	const char *title;
	void (*enter)(struct kvpool_dump *dump);
	void (*fill)(struct kvpool_dump *dump);
	void (*leave)(struct kvpool_dump *dump);
	void (*show)(struct seq_file *m, const struct kvpool_dump *dump,
		     unsigned int i);
};

/**
 * struct kvpool_dump - state of a dump of blocks or chunks
 * @ops:	the kind of record
 * @tenant:	the tenant whose records are dumped, with a reference; or NULL
 * @next_id:	least number that the next tenant may have
 * @first:	position in the file of the first record of the batch; the title
 *		is at position 0
 * @nr:		records in the batch
 * @walk:	blocks: position in the tenant's index
 * @last:	blocks: the latest block of the batch; for comparison only
 * @index:	chunks: the least index that was not dumped yet
 * @blocks:	the batch of blocks
 * @chunks:	the batch of chunks
 */
struct kvpool_dump {
	const struct kvpool_dump_ops *ops;
	struct kvpool_tenant *tenant;
	u64 next_id;
	loff_t first;
	unsigned int nr;
	union {
		struct {
			struct rhashtable_iter walk;
			void *last;
		};
		unsigned long index;
	};
	union {
		struct kvpool_dump_block blocks[KVPOOL_DUMP_BATCH];
		struct kvpool_dump_chunk chunks[KVPOOL_DUMP_BATCH];
	};
};

/* ---- from tenant to tenant ---- */

static bool kvpool_dump_enter(struct kvpool_dump *dump)
{
	struct kvpool_tenant *tenant, *next = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(tenant, &kvpool_pool.tenants, entry)
		if (tenant->id >= dump->next_id &&
		    (!next || tenant->id < next->id))
			next = tenant;
	/* A tenant that leaves the list has its reference for as long. */
	if (next)
		kobject_get(&next->kobj);
	rcu_read_unlock();
	if (!next)
		return false;

	dump->tenant = next;
	dump->next_id = (u64)next->id + 1;
	dump->ops->enter(dump);
	return true;
}

static void kvpool_dump_leave(struct kvpool_dump *dump)
{
	if (!dump->tenant)
		return;
	dump->ops->leave(dump);
	/* No lock is held: this may be the last reference. */
	kobject_put(&dump->tenant->kobj);
	dump->tenant = NULL;
}

/* Replace the batch by the next batch; an empty batch ends the dump. */
static void kvpool_dump_fill(struct kvpool_dump *dump)
{
	dump->first += dump->nr;
	dump->nr = 0;
	while (dump->tenant || kvpool_dump_enter(dump)) {
		dump->ops->fill(dump);
		if (dump->nr)
			return;
		kvpool_dump_leave(dump);
		cond_resched();
	}
}

/*
 * Return the record at a position, or NULL at the end. Positions grow by one at
 * a time until the file is read from its beginning.
 */
static void *kvpool_dump_at(struct kvpool_dump *dump, loff_t pos)
{
	if (pos == dump->first + dump->nr)
		kvpool_dump_fill(dump);
	if (pos < dump->first || pos >= dump->first + dump->nr)
		return NULL;
	return dump;
}

static void *kvpool_dump_start(struct seq_file *m, loff_t *pos)
{
	struct kvpool_dump *dump = m->private;

	if (*pos)
		return kvpool_dump_at(dump, *pos);
	kvpool_dump_leave(dump);
	dump->next_id = 0;
	dump->first = 1;
	dump->nr = 0;
	return SEQ_START_TOKEN;
}

static void *kvpool_dump_next(struct seq_file *m, void *v, loff_t *pos)
{
	return kvpool_dump_at(m->private, ++*pos);
}

static void kvpool_dump_stop(struct seq_file *m, void *v)
{
}

static int kvpool_dump_show(struct seq_file *m, void *v)
{
	const struct kvpool_dump *dump = m->private;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, dump->ops->title);
	else
		dump->ops->show(m, dump, m->index - dump->first);
	return 0;
}

static const struct seq_operations kvpool_dump_sops = {
	.start = kvpool_dump_start,
	.next = kvpool_dump_next,
	.stop = kvpool_dump_stop,
	.show = kvpool_dump_show,
};

static int kvpool_dump_open(struct inode *inode, struct file *file)
{
	struct kvpool_dump *dump;

	dump = __seq_open_private(file, &kvpool_dump_sops, sizeof(*dump));
	if (!dump)
		return -ENOMEM;
	dump->ops = inode->i_private;
	return 0;
}

static int kvpool_dump_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvpool_dump_leave(m->private);
	return seq_release_private(inode, file);
}

static const struct file_operations kvpool_dump_fops = {
	.owner = THIS_MODULE,
	.open = kvpool_dump_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = kvpool_dump_release,
};

/* ---- blocks ---- */

static void kvpool_blocks_enter(struct kvpool_dump *dump)
{
	rhashtable_walk_enter(&dump->tenant->index, &dump->walk);
	dump->last = NULL;
}

static void kvpool_blocks_fill(struct kvpool_dump *dump)
{
	const struct kvpool_block *block;
	struct kvpool_dump_block *out;

	rhashtable_walk_start(&dump->walk);
	/* Peek returns @last, or the block after it if @last was removed. */
	block = rhashtable_walk_peek(&dump->walk);
	if (block && block == dump->last)
		block = rhashtable_walk_next(&dump->walk);
	while (block) {
		/* -EAGAIN: the index was resized, and the walk restarts. */
		if (!IS_ERR(block)) {
			out = &dump->blocks[dump->nr++];
			out->key = block->key;
			out->length = kvpool_block_length(block);
			out->nr_extents = block->place.nr_extents;
			out->state = READ_ONCE(block->state);
			out->refs = refcount_read(&block->refs);
			out->pin = block->pin;
			dump->last = (void *)block;
			if (dump->nr == KVPOOL_DUMP_BATCH)
				break;
		}
		block = rhashtable_walk_next(&dump->walk);
	}
	rhashtable_walk_stop(&dump->walk);
}

static void kvpool_blocks_leave(struct kvpool_dump *dump)
{
	rhashtable_walk_exit(&dump->walk);
}

static void kvpool_blocks_show(struct seq_file *m,
			       const struct kvpool_dump *dump, unsigned int i)
{
	static const char * const states[] = {
		[KVPOOL_BLOCK_RESERVED] = "reserved",
		[KVPOOL_BLOCK_SEALED] = "sealed",
		[KVPOOL_BLOCK_PREEMPTED] = "preempted",
		[KVPOOL_BLOCK_DEAD] = "dead",
		[KVPOOL_BLOCK_BURIED] = "dead",
	};
	static const char * const pins[] = {
		[0] = "none",
		[KVPOOL_PIN_SOFT] = "soft",
		[KVPOOL_PIN_HARD] = "hard",
	};
	const struct kvpool_dump_block *block = &dump->blocks[i];

	seq_printf(m, "%s %*phN %s %u %u %u %s\n", dump->tenant->name,
		   KVPOOL_KEY_SIZE, &block->key, states[block->state],
		   block->length, block->nr_extents, block->refs,
		   pins[block->pin]);
}

static const struct kvpool_dump_ops kvpool_blocks_dump = {
	.title = "# tenant key state length extents refs pin\n",
	.enter = kvpool_blocks_enter,
	.fill = kvpool_blocks_fill,
	.leave = kvpool_blocks_leave,
	.show = kvpool_blocks_show,
};

/* ---- chunks ---- */

static void kvpool_chunks_enter(struct kvpool_dump *dump)
{
	dump->index = 0;
}

static void kvpool_chunks_fill(struct kvpool_dump *dump)
{
	struct kvpool_arena *arena = &dump->tenant->arena;
	struct kvpool_dump_chunk *out;
	struct kvpool_chunk *chunk;
	unsigned long index;

	/* A chunk's memory may go at any time, but the chunk stays under RCU. */
	rcu_read_lock();
	xa_for_each_start(&arena->chunks, index, chunk, dump->index) {
		out = &dump->chunks[dump->nr++];
		spin_lock(&arena->lock);
		out->used = KVPOOL_CHUNK_PAGES - chunk->free;
		out->run = chunk->run;
		spin_unlock(&arena->lock);
		out->index = index;
		out->node = chunk->node;
		out->pins = atomic_read(&((struct folio *)chunk->page)->_pincount);
		dump->index = index + 1;
		if (dump->nr == KVPOOL_DUMP_BATCH)
			break;
	}
	rcu_read_unlock();
}

static void kvpool_chunks_leave(struct kvpool_dump *dump)
{
}

static void kvpool_chunks_show(struct seq_file *m,
			       const struct kvpool_dump *dump, unsigned int i)
{
	const struct kvpool_dump_chunk *chunk = &dump->chunks[i];

	seq_printf(m, "%s %u %d %u %u %u\n", dump->tenant->name, chunk->index,
		   chunk->node, chunk->used, chunk->run, chunk->pins);
}

static const struct kvpool_dump_ops kvpool_chunks_dump = {
	.title = "# tenant chunk node used_pages longest_run pins\n",
	.enter = kvpool_chunks_enter,
	.fill = kvpool_chunks_fill,
	.leave = kvpool_chunks_leave,
	.show = kvpool_chunks_show,
};

/* ---- contexts ---- */

/* The position is the id of the context, or zero for the title. */
static void *kvpool_contexts_find(loff_t *pos)
{
	struct kvpool_ctx *ctx;

	if (*pos > U32_MAX)
		return NULL;
	ctx = kvpool_ctx_next(*pos);
	if (ctx)
		*pos = ctx->id;
	return ctx;
}

static void *kvpool_contexts_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? kvpool_contexts_find(pos) : SEQ_START_TOKEN;
}

static void kvpool_contexts_stop(struct seq_file *m, void *v)
{
	if (v && v != SEQ_START_TOKEN)
		kvpool_ctx_put(v);
}

static void *kvpool_contexts_next(struct seq_file *m, void *v, loff_t *pos)
{
	kvpool_contexts_stop(m, v);
	++*pos;
	return kvpool_contexts_find(pos);
}

struct kvpool_contexts_count {
	u64 leases;
	u64 reservations;
	u32 age;	/* of the oldest lease, in jiffies */
};

static void kvpool_contexts_count(struct kvpool_ctx *ctx,
				  struct kvpool_contexts_count *c)
{
	struct kvpool_hold *hold;
	unsigned long id;

	rcu_read_lock();
	xa_for_each(&ctx->holds, id, hold) {
		if (hold->kind == KVPOOL_HOLD_LEASE) {
			c->leases += atomic_read(&hold->live);
			c->age = max(c->age, (u32)jiffies -
					     READ_ONCE(hold->born));
		} else {
			c->reservations += atomic_read(&hold->live);
		}
		/* The walk goes on by id: @hold may be freed now. */
		cond_resched_rcu();
	}
	rcu_read_unlock();
}

static int kvpool_contexts_show(struct seq_file *m, void *v)
{
	static const char * const modes[] = {
		[0] = "none",
		[KVPOOL_MODE_CONSUME] = "consume",
		[KVPOOL_MODE_PRODUCE] = "produce",
		[KVPOOL_MODE_CONSUME | KVPOOL_MODE_PRODUCE] = "both",
	};
	struct kvpool_contexts_count c = {};
	struct kvpool_ctx *ctx = v;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "# tenant context pid comm mode state leases reservations oldest_lease_ms\n");
		return 0;
	}
	kvpool_contexts_count(ctx, &c);
	seq_printf(m, "%s %u %d ", READ_ONCE(ctx->tenant)->name, ctx->id,
		   ctx->pid);
	/* A process may choose any name: print it as one word. */
	seq_escape_str(m, *ctx->comm ? ctx->comm : "-",
		       ESCAPE_NP | ESCAPE_OCTAL | ESCAPE_APPEND, " \\");
	seq_printf(m, " %s %s %llu %llu %u\n", modes[ctx->mode],
		   kvpool_ctx_is_revoked(ctx) ? "revoked" : "open", c.leases,
		   c.reservations, jiffies_to_msecs(c.age));
	return 0;
}

static const struct seq_operations kvpool_contexts_sops = {
	.start = kvpool_contexts_start,
	.next = kvpool_contexts_next,
	.stop = kvpool_contexts_stop,
	.show = kvpool_contexts_show,
};
DEFINE_SEQ_ATTRIBUTE(kvpool_contexts);

/* ---- operations ---- */

static void kvpool_operation_show(struct seq_file *m,
				  const struct kvpool_ctx *ctx,
				  const struct kvpool_xfer *xfer)
{
	const struct kvpool_transfer *transfer = &xfer->transfer;
	const char *state = READ_ONCE(xfer->done) ? "done" :
			    READ_ONCE(transfer->state) != KVPOOL_TRANSFER_CORE ?
			    "remote" : READ_ONCE(xfer->waiter.queue) ? "waits" :
			    "runs";

	seq_printf(m, "%s %d %llu %s %*phN %s %u %u %d %u\n",
		   READ_ONCE(ctx->tenant)->name, ctx->pid, xfer->seq,
		   xfer->def->name, KVPOOL_KEY_SIZE, &transfer->key, state,
		   READ_ONCE(transfer->peer), READ_ONCE(transfer->length),
		   READ_ONCE(transfer->cancelled),
		   jiffies_to_msecs(jiffies - xfer->born));
}

static int kvpool_operations_show(struct seq_file *m, void *v)
{
	struct kvpool_xfer *xfer;
	struct kvpool_ctx *ctx = v;
	unsigned long id;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "# tenant pid op opcode key state peer length cancelled age_ms\n");
		return 0;
	}
	rcu_read_lock();
	xa_for_each(&ctx->inflight.ops, id, xfer) {
		kvpool_operation_show(m, ctx, xfer);
		/* The walk goes on by id: @xfer may be freed now. */
		cond_resched_rcu();
	}
	rcu_read_unlock();
	return 0;
}

static const struct seq_operations kvpool_operations_sops = {
	.start = kvpool_contexts_start,
	.next = kvpool_contexts_next,
	.stop = kvpool_contexts_stop,
	.show = kvpool_operations_show,
};
DEFINE_SEQ_ATTRIBUTE(kvpool_operations);

static struct dentry *kvpool_debugfs;

/**
 * kvpool_debugfs_init() - Make the files in debugfs
 *
 * Errors are ignored, because the module works without the files.
 *
 * Context: Module load; may sleep.
 */
void kvpool_debugfs_init(void)
{
	kvpool_debugfs = debugfs_create_dir("kvpool", NULL);
	debugfs_create_file("blocks", 0400, kvpool_debugfs,
			    (void *)&kvpool_blocks_dump, &kvpool_dump_fops);
	debugfs_create_file("chunks", 0400, kvpool_debugfs,
			    (void *)&kvpool_chunks_dump, &kvpool_dump_fops);
	debugfs_create_file("contexts", 0400, kvpool_debugfs, NULL,
			    &kvpool_contexts_fops);
	debugfs_create_file("operations", 0400, kvpool_debugfs, NULL,
			    &kvpool_operations_fops);
}

/**
 * kvpool_debugfs_exit() - Remove the files in debugfs
 *
 * Context: Module unload; may sleep.
 */
void kvpool_debugfs_exit(void)
{
	debugfs_remove(kvpool_debugfs);
}
