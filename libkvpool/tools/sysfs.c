// SPDX-License-Identifier: MIT
/*
 * Reads and writes /sys/class/misc/kvpool and /sys/kernel/debug/kvpool. Paths are
 * relative to these. KVPOOL_SYSFS and KVPOOL_DEBUGFS name other directories, for
 * tests.
 */
#include "sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../shared/shared.h"
#include "memory.h"

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

/**
 * sysfs_present - Check that the module is loaded
 *
 * Return: CODE_OK, or CODE_UNAVAILABLE with a message kept.
 */
enum code sysfs_present(void)
{
	struct stat st;

	if (!stat(sysfs_root(), &st) && S_ISDIR(st.st_mode))
		return CODE_OK;
	error_set(CODE_UNAVAILABLE, "the module kvpool is not loaded: there is no %s",
		  sysfs_root());
	error_hint("load it with 'modprobe kvpool' as root");
	return CODE_UNAVAILABLE;
}

/**
 * sysfs_read - Read a value without its line end
 * @path:	The file.
 * @value:	Receives the value.
 * @len:	Size of @value.
 *
 * Return: 0 or a negative errno.
 */
int sysfs_read(const char *path, char *value, size_t len)
{
	char full[PATH_MAX];

	make_path(full, path);
	return file_read(full, value, len);
}

/**
 * sysfs_read_u64 - Read a number
 * @path:	The file.
 * @value:	Receives the number.
 *
 * Return: 0 or a negative errno; -EPROTO if the file holds no number.
 */
int sysfs_read_u64(const char *path, uint64_t *value)
{
	char text[SYSFS_VALUE_MAX];
	int error = sysfs_read(path, text, sizeof(text));

	if (!error && !parse_u64(text, value))
		error = -EPROTO;
	return error;
}

/**
 * sysfs_write - Write a value
 * @path:	The file.
 * @value:	The value.
 *
 * Return: 0 or a negative errno.
 */
int sysfs_write(const char *path, const char *value)
{
	char full[PATH_MAX];

	make_path(full, path);
	return file_write(full, value);
}

/**
 * sysfs_failed - Keep why a file could not be read or written
 * @error:	Negative errno.
 * @path:	The file.
 * @action:	The action that failed, as after "cannot".
 *
 * Return: The exit status.
 */
enum code sysfs_failed(int error, const char *path, const char *action)
{
	enum code code = error_code(error);

	/* The module may have been unloaded since the command began. */
	if ((error == -ENOENT || error == -ENODEV) && sysfs_present())
		return CODE_UNAVAILABLE;
	if (code == CODE_NOT_PERMITTED) {
		error_set(code, "cannot %s: no permission for %s/%s", action, sysfs_root(), path);
		error_hint("run as root");
	} else if (code == CODE_NOT_FOUND) {
		code = error_set(CODE_FAILED, "cannot %s: there is no %s/%s", action,
				 sysfs_root(), path);
		error_hint("use the kvpoolctl that belongs to the module; this module is older");
	} else if (error == -EPROTO) {
		error_set(code, "cannot %s: %s/%s has unexpected content", action,
			  sysfs_root(), path);
		error_hint("use the kvpoolctl that belongs to the module; this module is newer");
	} else {
		error_set(code, "cannot %s: %s/%s: %s", action, sysfs_root(), path,
			  strerror(-error));
	}
	return code;
}

/**
 * sysfs_name_ok - Whether a name can be a part of a path
 * @name:	From the command line.
 *
 * Return: true if @name can only be an entry of its directory.
 */
bool sysfs_name_ok(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") &&
	       !strchr(name, '/') && strlen(name) < SYSFS_NAME_MAX;
}

/* Sorts "node2" before "node10". */
static int by_name(const void *a, const void *b)
{
	return strverscmp(*(char * const *)a, *(char * const *)b);
}

/**
 * sysfs_list - List the directories in a directory
 * @path:	The directory.
 * @names:	Set to their names, sorted; for sysfs_list_free().
 *
 * Return: The number of names, or a negative errno.
 */
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
		*names = memory_resize(*names, (size_t)nr + 1, sizeof(**names));
		(*names)[nr] = strdup(entry->d_name);
		if (!(*names)[nr])
			memory_exhausted();
		nr++;
	}
	closedir(dir);
	if (nr)
		qsort(*names, (size_t)nr, sizeof(**names), by_name);
	return nr;
}

/**
 * sysfs_list_free - Free the names of sysfs_list()
 * @names:	The names, or null.
 * @nr:		Number of names.
 */
void sysfs_list_free(char **names, int nr)
{
	while (nr-- > 0)
		free(names[nr]);
	free(names);
}

/**
 * debugfs_open - Open a dump
 * @name:	Of the file.
 * @code:	Set to the exit status of a failure, with a message kept.
 *
 * Return: The file, or null.
 */
FILE *debugfs_open(const char *name, enum code *code)
{
	char full[PATH_MAX];
	FILE *file;

	*code = sysfs_present();
	if (*code)
		return NULL;
	snprintf(full, sizeof(full), "%s/%s", debugfs_root(), name);
	file = fopen(full, "re");
	if (file)
		return file;
	*code = error_code(-errno);
	error_set(*code, "cannot open %s: %s", full, strerror(errno));
	if (*code == CODE_NOT_PERMITTED) {
		error_hint("run as root");
	} else if (*code == CODE_NOT_FOUND) {
		*code = CODE_UNAVAILABLE;
		error_hint("mount debugfs with 'mount -t debugfs none /sys/kernel/debug' as root");
	}
	return NULL;
}
