/* SPDX-License-Identifier: GPL-2.0 */
/* Every change checks the links around it, as under CONFIG_DEBUG_LIST. */
#ifndef _SHIM_LIST_H
#define _SHIM_LIST_H

#include <linux/types.h>

#define LIST_POISON		((struct list_head *)0xdead)
#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	WRITE_ONCE(list->next, list);
	WRITE_ONCE(list->prev, list);
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline void shim_list_insert(struct list_head *entry,
				    struct list_head *prev,
				    struct list_head *next)
{
	BUG_ON(next->prev != prev || prev->next != next);
	BUG_ON(entry == prev || entry == next);
	next->prev = entry;
	entry->next = next;
	entry->prev = prev;
	WRITE_ONCE(prev->next, entry);
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	shim_list_insert(entry, head, head->next);
}

static inline void list_add_tail(struct list_head *entry,
				 struct list_head *head)
{
	shim_list_insert(entry, head->prev, head);
}

static inline void shim_list_unlink(struct list_head *entry)
{
	BUG_ON(entry->next == LIST_POISON || entry->prev == LIST_POISON);
	BUG_ON(entry->prev->next != entry || entry->next->prev != entry);
	entry->next->prev = entry->prev;
	WRITE_ONCE(entry->prev->next, entry->next);
}

static inline void list_del(struct list_head *entry)
{
	shim_list_unlink(entry);
	entry->next = LIST_POISON;
	entry->prev = LIST_POISON;
}

static inline void list_del_init(struct list_head *entry)
{
	shim_list_unlink(entry);
	INIT_LIST_HEAD(entry);
}

static inline void list_replace_init(struct list_head *old,
				     struct list_head *entry)
{
	BUG_ON(old->prev->next != old || old->next->prev != old);
	entry->next = old->next;
	entry->prev = old->prev;
	entry->next->prev = entry;
	WRITE_ONCE(entry->prev->next, entry);
	INIT_LIST_HEAD(old);
}

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	shim_list_unlink(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *entry,
				  struct list_head *head)
{
	shim_list_unlink(entry);
	list_add_tail(entry, head);
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) \
	list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) \
	list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each_entry(pos, head, member)				\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member); \
	     &(pos)->member != (head);					\
	     (pos) = list_next_entry(pos, member))

#define list_for_each_entry_reverse(pos, head, member)			\
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member);	\
	     &(pos)->member != (head);					\
	     (pos) = list_prev_entry(pos, member))

#define list_for_each_entry_safe(pos, n, head, member)			\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member), \
	     (n) = list_next_entry(pos, member);			\
	     &(pos)->member != (head);					\
	     (pos) = (n), (n) = list_next_entry(n, member))

/* ---- lists with one pointer as their head ---- */

#define INIT_HLIST_HEAD(head)	((head)->first = NULL)

static inline bool hlist_empty(const struct hlist_head *head)
{
	return !head->first;
}

static inline void hlist_add_head(struct hlist_node *entry,
				  struct hlist_head *head)
{
	entry->next = head->first;
	if (entry->next) {
		BUG_ON(entry->next->pprev != &head->first);
		entry->next->pprev = &entry->next;
	}
	head->first = entry;
	entry->pprev = &head->first;
}

static inline void hlist_del(struct hlist_node *entry)
{
	BUG_ON(!entry->pprev || *entry->pprev != entry);
	*entry->pprev = entry->next;
	if (entry->next)
		entry->next->pprev = entry->pprev;
	entry->pprev = NULL;
}

#define hlist_entry_or_null(ptr, type, member)				\
	((ptr) ? container_of(ptr, type, member) : NULL)
#define hlist_for_each_entry(pos, head, member)				\
	for ((pos) = hlist_entry_or_null((head)->first,			\
					 __typeof__(*(pos)), member);	\
	     (pos);							\
	     (pos) = hlist_entry_or_null((pos)->member.next,		\
					 __typeof__(*(pos)), member))

#endif /* _SHIM_LIST_H */
