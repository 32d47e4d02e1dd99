// SPDX-License-Identifier: MIT
/* The keyrings in which the module searches keys. */
#include "keyring.h"

#include <unistd.h>

#include <linux/keyctl.h>
#include <sys/syscall.h>

/**
 * keyring_link_user - Let the module find the keys of the user
 *
 * The module searches the keyrings of this process. A session of sudo or of a service
 * often lacks the user's keyring; a failure here changes nothing.
 */
void keyring_link_user(void)
{
	syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING);
}
