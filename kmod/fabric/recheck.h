/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_RECHECK_H
#define _KVPOOL_FABRIC_RECHECK_H

void kvpool_recheck(void);
void kvpool_recheck_exit(void);

#endif /* _KVPOOL_FABRIC_RECHECK_H */
