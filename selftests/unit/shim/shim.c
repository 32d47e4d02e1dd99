// SPDX-License-Identifier: GPL-2.0
/* The parts of the shim that are not inline: RCU and the hash table. */
#include <pthread.h>
#include <sched.h>

#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>

/* About to wrap. */
unsigned long shim_jiffies = (u32)-100;

/* ---- RCU ---- */

#define SHIM_MAX_THREADS	256

/*
 * A reader notes the grace period in which it began. A task that waits for
 * readers begins a new grace period and waits for all readers of earlier ones.
 */
static struct shim_reader {
	unsigned long since;	/* 0: not reading */
	bool used;
} __attribute__((aligned(64))) readers[SHIM_MAX_THREADS];

static unsigned long grace_period = 1;
static __thread struct shim_reader *self;
static __thread unsigned int nesting;
static pthread_key_t reader_key;
static pthread_once_t reader_once = PTHREAD_ONCE_INIT;

static void reader_exit(void *reader)
{
	BUG_ON(nesting);
	__atomic_store_n(&((struct shim_reader *)reader)->used, false,
			 __ATOMIC_RELEASE);
}

static void reader_key_create(void)
{
	pthread_key_create(&reader_key, reader_exit);
}

static void reader_enter(void)
{
	int i;

	pthread_once(&reader_once, reader_key_create);
	for (i = 0; i < SHIM_MAX_THREADS; i++) {
		bool used = false;

		if (!__atomic_compare_exchange_n(&readers[i].used, &used, true,
						 false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED))
			continue;
		self = &readers[i];
		pthread_setspecific(reader_key, self);
		return;
	}
	SHIM_STOP("too many threads");
}

void rcu_read_lock(void)
{
	unsigned long now;

	if (nesting++)
		return;
	if (!self)
		reader_enter();
	now = __atomic_load_n(&grace_period, __ATOMIC_SEQ_CST);
	__atomic_exchange_n(&self->since, now, __ATOMIC_SEQ_CST);
}

void rcu_read_unlock(void)
{
	BUG_ON(!nesting);
	if (!--nesting)
		__atomic_store_n(&self->since, 0, __ATOMIC_SEQ_CST);
}

bool rcu_read_lock_held(void)
{
	return nesting;
}

void synchronize_rcu(void)
{
	unsigned long now, since;
	int i;

	BUG_ON(nesting);
	now = __atomic_add_fetch(&grace_period, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < SHIM_MAX_THREADS; i++) {
		for (;;) {
			since = __atomic_load_n(&readers[i].since,
						__ATOMIC_SEQ_CST);
			if (!since || since >= now)
				break;
			sched_yield();
		}
	}
}

static struct rcu_head *callbacks;

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	head->next = __atomic_load_n(&callbacks, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&callbacks, &head->next, head, true,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void rcu_barrier(void)
{
	struct rcu_head *head, *next;

	head = __atomic_exchange_n(&callbacks, NULL, __ATOMIC_ACQUIRE);
	synchronize_rcu();
	for (; head; head = next) {
		next = head->next;
		head->func(head);
	}
}

/* ---- hash table ---- */

static void *rht_obj(const struct rhashtable *ht, struct rhash_head *head)
{
	return (char *)head - ht->p.head_offset;
}

static struct shim_bucket *rht_bucket(struct rhashtable *ht, const void *key)
{
	u32 hash = ht->p.hashfn(key, ht->p.key_len, ht->seed);

	return &ht->buckets[hash % ht->nr_buckets];
}

int rhashtable_init(struct rhashtable *ht,
		    const struct rhashtable_params *params)
{
	static u32 seed;
	int i;

	memset(ht, 0, sizeof(*ht));
	if (!params->hashfn || !params->key_len)
		return -EINVAL;
	ht->p = *params;
	ht->nr_buckets = SHIM_RHT_BUCKETS;
	ht->seed = __atomic_add_fetch(&seed, 0x9e3779b9, __ATOMIC_RELAXED);
	ht->buckets = calloc(SHIM_RHT_BUCKETS, sizeof(*ht->buckets));
	if (!ht->buckets)
		return -ENOMEM;
	for (i = 0; i < SHIM_RHT_BUCKETS; i++)
		spin_lock_init(&ht->buckets[i].lock);
	return 0;
}

void rhashtable_free_and_destroy(struct rhashtable *ht,
				 void (*free_fn)(void *ptr, void *arg),
				 void *arg)
{
	struct rhash_head *head, *next;
	int i;

	for (i = 0; i < SHIM_RHT_BUCKETS; i++) {
		for (head = ht->buckets[i].first; head; head = next) {
			next = head->next;
			if (free_fn)
				free_fn(rht_obj(ht, head), arg);
		}
		pthread_mutex_destroy(&ht->buckets[i].lock.mutex);
	}
	free(ht->buckets);
	ht->buckets = NULL;
}

void rhashtable_destroy(struct rhashtable *ht)
{
	rhashtable_free_and_destroy(ht, NULL, NULL);
}

static void *rht_find(struct rhashtable *ht, struct shim_bucket *bucket,
		      const void *key)
{
	struct rhashtable_compare_arg arg = { .ht = ht, .key = key };
	struct rhash_head *head;
	const char *obj;
	int differ;

	for (head = rcu_dereference(bucket->first); head;
	     head = rcu_dereference(head->next)) {
		obj = rht_obj(ht, head);
		differ = ht->p.obj_cmpfn ? ht->p.obj_cmpfn(&arg, obj) :
			 memcmp(obj + ht->p.key_offset, key, ht->p.key_len);
		if (!differ)
			return (void *)obj;
	}
	return NULL;
}

void *shim_rht_lookup(struct rhashtable *ht, const void *key)
{
	return rht_find(ht, rht_bucket(ht, key), key);
}

void *shim_rht_insert(struct rhashtable *ht, struct rhash_head *head)
{
	const char *key = (char *)rht_obj(ht, head) + ht->p.key_offset;
	struct shim_bucket *bucket = rht_bucket(ht, key);
	void *old;

	if (ht->fail) {
		old = ERR_PTR(ht->fail);
		ht->fail = 0;
		return old;
	}

	spin_lock(&bucket->lock);
	old = rht_find(ht, bucket, key);
	if (!old) {
		__atomic_store_n(&head->next, bucket->first, __ATOMIC_RELAXED);
		rcu_assign_pointer(bucket->first, head);
		__atomic_add_fetch(&ht->nelems.counter, 1, __ATOMIC_RELAXED);
	}
	spin_unlock(&bucket->lock);
	return old;
}

/* Puts @new in the place of @old; NULL leaves none. */
int shim_rht_replace(struct rhashtable *ht, struct rhash_head *old,
		     struct rhash_head *new)
{
	const char *key = (char *)rht_obj(ht, old) + ht->p.key_offset;
	struct shim_bucket *bucket = rht_bucket(ht, key);
	struct rhash_head **pos;
	int err = -ENOENT;

	spin_lock(&bucket->lock);
	for (pos = &bucket->first; *pos; pos = &(*pos)->next) {
		if (*pos != old)
			continue;
		if (new) {
			__atomic_store_n(&new->next, old->next,
					 __ATOMIC_RELAXED);
			rcu_assign_pointer(*pos, new);
		} else {
			/* Readers of the entry can continue. */
			rcu_assign_pointer(*pos, old->next);
			__atomic_sub_fetch(&ht->nelems.counter, 1,
					   __ATOMIC_RELAXED);
		}
		err = 0;
		break;
	}
	spin_unlock(&bucket->lock);
	return err;
}
