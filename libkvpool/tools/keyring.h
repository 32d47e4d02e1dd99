/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_KEYRING_H
#define KVPOOLCTL_KEYRING_H

void keyring_link_user(void);

#endif /* KVPOOLCTL_KEYRING_H */
