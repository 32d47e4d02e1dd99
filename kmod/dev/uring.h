/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_URING_H
#define _KVPOOL_URING_H

struct io_uring_cmd;

int kvpool_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

#endif /* _KVPOOL_URING_H */
