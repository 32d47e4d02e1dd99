/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_UTF8_H
#define KVPOOLCTL_UTF8_H

#include <stdio.h>

int utf8_length(const char *text);
int utf8_print(FILE *to, const char *text);

#endif /* KVPOOLCTL_UTF8_H */
