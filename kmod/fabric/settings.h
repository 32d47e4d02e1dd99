/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_SETTINGS_H
#define _KVPOOL_FABRIC_SETTINGS_H

#include <linux/types.h>

#define KVPOOL_QUEUES_MAX	8	/* queue pairs of a link */
#define KVPOOL_IDLE_MS_MAX	86400000U	/* a day */
#define KVPOOL_ACK_TIMEOUT_MIN	8	/* 1 ms: below, NICs vary */
#define KVPOOL_ACK_TIMEOUT_MAX	24	/* 69 s */

struct rdma_cm_id;

unsigned int kvpool_setting_queues(void);
int kvpool_setting_set_queues(unsigned int queues);
u32 kvpool_setting_idle_ms(void);
int kvpool_setting_set_idle_ms(u32 ms);
unsigned int kvpool_setting_ack_timeout(void);
int kvpool_setting_set_ack_timeout(unsigned int exponent);
int kvpool_setting_service_type(void);
int kvpool_setting_set_service_type(int type);
bool kvpool_setting_strict_fence(void);
void kvpool_setting_set_strict_fence(bool strict);
void kvpool_settings_apply(struct rdma_cm_id *cm_id);

#endif /* _KVPOOL_FABRIC_SETTINGS_H */
