/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_ADMIT_H
#define _KVPOOL_FABRIC_ADMIT_H

#include <linux/types.h>

struct kvpool_auth_stamp;
struct kvpool_session;
struct sockaddr_storage;

#define KVPOOL_ADMIT_LATER	(-1)	/* instead of enum kvpool_close */
#define KVPOOL_ADMIT_LATER_MS	100

void kvpool_admit_size(struct kvpool_session *session, unsigned int credits);
void kvpool_admit_init(void);
bool kvpool_admit_full(const struct sockaddr_storage *addr);
int kvpool_admit_arrive(struct kvpool_session *session);
int kvpool_admit_prove(struct kvpool_session *session, const char *name,
		       const struct kvpool_auth_stamp *stamp);
int kvpool_admit_again(struct kvpool_session *session);
void kvpool_admit_stop(struct kvpool_session *session);
void kvpool_admit_leave(struct kvpool_session *session);
void kvpool_admit_watch(void);
void kvpool_admit_idle(void);

#endif /* _KVPOOL_FABRIC_ADMIT_H */
