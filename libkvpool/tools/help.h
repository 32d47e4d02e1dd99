/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_HELP_H
#define KVPOOLCTL_HELP_H

#include "noun.h"

void help_show(const struct noun *noun);
void help_version(void);

#endif /* KVPOOLCTL_HELP_H */
