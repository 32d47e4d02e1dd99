/* SPDX-License-Identifier: GPL-2.0 */
/* Issuing the operations of a call. */
#ifndef _KVPOOL_ISSUE_H
#define _KVPOOL_ISSUE_H

#include <linux/types.h>

struct kvpool_issue;

void kvpool_issue_run(struct kvpool_issue *issue);

#endif /* _KVPOOL_ISSUE_H */
