/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_REASON_H
#define KVPOOLCTL_REASON_H

#include <netlink/attr.h>

const char *reason_text(const struct nlattr *attr);
const char *reason_advice(const struct nlattr *attr);

#endif /* KVPOOLCTL_REASON_H */
