// SPDX-License-Identifier: MIT
/* Files of one value, as sysfs has them. Calls return zero or a negative errno. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "shared.h"

/* Stores the first line, without its end. */
int file_read(const char *path, char *value, size_t len)
{
	ssize_t got;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, value, len - 1);
	if (got < 0)
		got = -errno;
	close(fd);
	if (got < 0)
		return (int)got;
	value[got] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

int file_write(const char *path, const char *value)
{
	size_t len = strlen(value);
	ssize_t done;
	int fd, error;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	done = write(fd, value, len);
	error = done < 0 ? -errno : done == (ssize_t)len ? 0 : -EIO;
	close(fd);
	return error;
}
