// SPDX-License-Identifier: MIT
/*
 * Reads and writes /sys/class/misc/kvpool and /sys/kernel/debug/kvpool.
 * KVPOOL_SYSFS and KVPOOL_DEBUGFS name other directories, for tests.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kvpoolctl.h"

static const char *sysfs_root(void)
{
	const char *root = getenv("KVPOOL_SYSFS");

	return root && *root ? root : "/sys/class/misc/kvpool";
}

static const char *debugfs_root(void)
{
	const char *root = getenv("KVPOOL_DEBUGFS");

	return root && *root ? root : "/sys/kernel/debug/kvpool";
}

static void make_path(char *full, const char *path)
{
	snprintf(full, PATH_MAX, "%s/%s", sysfs_root(), path);
}

/* EX_OK, or EX_NO_MODULE with a message. */
int sysfs_present(void)
{
	struct stat st;

	if (!stat(sysfs_root(), &st) && S_ISDIR(st.st_mode))
		return EX_OK;
	complain("%s is not there: the module kvpool is not loaded; load it with 'modprobe kvpool'",
		 sysfs_root());
	return EX_NO_MODULE;
}

/* Reads a value without the line end. Zero or a negative errno. */
int sysfs_read(const char *path, char *value, size_t len)
{
	char full[PATH_MAX];

	make_path(full, path);
	return file_read(full, value, len);
}

int sysfs_read_u64(const char *path, uint64_t *value)
{
	char text[VALUE_MAX];
	int error = sysfs_read(path, text, sizeof(text));

	if (!error && !parse_u64(text, value))
		error = -EPROTO;
	return error;
}

int sysfs_write(const char *path, const char *value)
{
	char full[PATH_MAX];

	make_path(full, path);
	return file_write(full, value);
}

/* Says what went wrong and makes an exit code of it. */
int sysfs_fail(const char *action, const char *path, int error)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		complain("cannot %s: no permission for %s/%s; run as root", action,
			 sysfs_root(), path);
		return EX_NO_PERMISSION;
	case ENOENT:
		complain("cannot %s: there is no %s/%s; this module may be older than kvpoolctl",
			 action, sysfs_root(), path);
		return EX_NOT_FOUND;
	case EPROTO:
		complain("cannot %s: %s/%s does not hold what it should; this module may be newer than kvpoolctl",
			 action, sysfs_root(), path);
		return EX_FAILED;
	default:
		complain("cannot %s: %s/%s: %s", action, sysfs_root(), path, strerror(-error));
		return EX_FAILED;
	}
}

/* Names become parts of paths: they must not lead elsewhere. */
bool sysfs_name_ok(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") &&
	       !strchr(name, '/') && strlen(name) < NAME_MAX_LEN;
}

/* "node2" comes before "node10". */
static int by_name(const void *a, const void *b)
{
	return strverscmp(*(char * const *)a, *(char * const *)b);
}

/* Names of the directories in @path: their number or a negative errno. */
int sysfs_list(const char *path, char ***names)
{
	char full[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	DIR *dir;
	int nr = 0;

	*names = NULL;
	make_path(full, path);
	dir = opendir(full);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!sysfs_name_ok(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, 0) || !S_ISDIR(st.st_mode))
			continue;
		*names = xrealloc(*names, (size_t)nr + 1, sizeof(**names));
		(*names)[nr] = strdup(entry->d_name);
		if (!(*names)[nr])
			break;
		nr++;
	}
	closedir(dir);
	if (nr)
		qsort(*names, (size_t)nr, sizeof(**names), by_name);
	return nr;
}

void sysfs_list_free(char **names, int nr)
{
	while (nr-- > 0)
		free(names[nr]);
	free(names);
}

/* Opens a dump; null with a message and an exit code in @code otherwise. */
FILE *debugfs_open(const char *name, int *code)
{
	char full[PATH_MAX];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", debugfs_root(), name);
	file = fopen(full, "re");
	if (file)
		return file;
	if (errno == EACCES || errno == EPERM) {
		complain("cannot open %s: no permission; run as root", full);
		*code = EX_NO_PERMISSION;
	} else if (errno == ENOENT) {
		*code = sysfs_present();
		if (*code)
			return NULL;
		complain("%s is not there; mount debugfs with 'mount -t debugfs none /sys/kernel/debug' as root",
			 full);
		*code = EX_NOT_FOUND;
	} else {
		complain("cannot open %s: %s", full, strerror(errno));
		*code = EX_FAILED;
	}
	return NULL;
}
