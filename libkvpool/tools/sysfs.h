/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_SYSFS_H
#define KVPOOLCTL_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

#define SYSFS_VALUE_MAX	512	/* longest value of a file, with the null byte */
#define SYSFS_NAME_MAX	64	/* longest name of a directory, with the null byte */
#define SYSFS_PATH_MAX	256	/* longest path below the root, with the null byte */

enum code sysfs_present(void);
int sysfs_read(const char *path, char *value, size_t len);
int sysfs_read_u64(const char *path, uint64_t *value);
int sysfs_write(const char *path, const char *value);
enum code sysfs_failed(int error, const char *path, const char *action);
bool sysfs_name_ok(const char *name);
int sysfs_list(const char *path, char ***names);
void sysfs_list_free(char **names, int nr);
FILE *debugfs_open(const char *name, enum code *code);

#endif /* KVPOOLCTL_SYSFS_H */
