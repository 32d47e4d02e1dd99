/* SPDX-License-Identifier: GPL-2.0 */
/* Searches: which peers have the keys of some transfers. */
#ifndef _KVPOOL_SEARCH_H
#define _KVPOOL_SEARCH_H

#include <linux/types.h>

struct kvpool_transfer;
struct list_head;

int kvpool_searches_init(void);
void kvpool_searches_exit(void);
void kvpool_search_begin(struct list_head *transfers);
bool kvpool_search_cancel(struct kvpool_transfer *transfer);

#endif /* _KVPOOL_SEARCH_H */
