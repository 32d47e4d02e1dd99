// SPDX-License-Identifier: MIT
/* kvpoolctl tenant. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/kvpool.h>

#include "../shared/shared.h"
#include "out.h"
#include "request.h"
#include "table.h"
#include "tenant.h"

#define SETTINGS (OPTION_BIT(OPTION_QUOTA) | OPTION_BIT(OPTION_PIN_QUOTA) | \
		  OPTION_BIT(OPTION_PUSH_QUOTA) | \
		  OPTION_BIT(OPTION_GUARANTEE) | OPTION_BIT(OPTION_GUARANTEE_NODES) | \
		  OPTION_BIT(OPTION_UID) | OPTION_BIT(OPTION_GID))

#define PROGRESS_MS	500

static void print_table(const struct tenant *tenants, int nr)
{
	static const struct column columns[] = {
		{ "TENANT", -16 }, { "ID", 4 }, { "UID", 10 }, { "GID", 10 }, { "FILES", 6 },
		{ "BLOCKS", 9 }, { "USED", 11 }, { "ARENA", 11 }, { "QUOTA", 11 }, { "HIT%", 6 },
	};
	struct table table = TABLE(columns);
	int i;

	table_head(&table);
	for (i = 0; i < nr; i++) {
		const struct tenant *tenant = &tenants[i];

		table_text(&table, tenant->name);
		table_number(&table, tenant->id);
		table_text(&table, tenant->uid);
		table_text(&table, tenant->gid);
		table_number(&table, tenant->contexts);
		table_number(&table, tenant->counter[COUNTER_BLOCKS]);
		table_size(&table, tenant->counter[COUNTER_USED_BYTES]);
		table_size(&table, tenant->counter[COUNTER_ARENA_BYTES]);
		if (tenant->quota_bytes)
			table_size(&table, tenant->quota_bytes);
		else
			table_text(&table, "unlimited");
		table_real(&table, 100 * tenant_hit_rate(tenant->counter), 2);
	}
}

static enum code show_one(const char *name)
{
	struct tenant tenant;
	enum code code;

	code = tenant_read(name, &tenant);
	if (!code)
		tenant_show_all(&tenant, 1);
	return code;
}

static enum code show(struct request *request)
{
	struct tenant *tenants = NULL;
	enum code code;
	int nr = 0;

	code = sysfs_present();
	if (code)
		return code;
	if (request->argc)
		return show_one(request->argv[0]);
	code = tenant_read_all(&tenants, &nr);
	if (!code && out_is_json())
		tenant_show_all(tenants, nr);
	else if (!code)
		print_table(tenants, nr);
	free(tenants);
	return code;
}

static enum code check_exists(const char *name)
{
	struct tenant tenant;

	return sysfs_present() ?: tenant_read(name, &tenant);
}

/* Shows how far the kernel is with the memory of a guarantee, until @child ends. */
static int watch_guarantee(const char *name, uint64_t bytes, pid_t child)
{
	char path[SYSFS_PATH_MAX], have[32], want[32];
	uint64_t now = 0;
	int status;

	snprintf(path, sizeof(path), "tenants/%s/arena_bytes", name);
	while (!waitpid(child, &status, WNOHANG)) {
		if (!sysfs_read_u64(path, &now))
			fprintf(stderr, "\r%s of %s   ",
				format_size(now, 1, have, sizeof(have)),
				format_size(bytes, 1, want, sizeof(want)));
		poll(NULL, 0, PROGRESS_MS);
	}
	fprintf(stderr, "\r%40s\r", "");
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/*
 * The kernel populates the memory before the write returns. At a terminal a child
 * writes, and this process shows the progress.
 */
static int write_guarantee(const char *path, const char *name, uint64_t bytes)
{
	char text[32];
	pid_t child;

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	child = bytes && isatty(STDERR_FILENO) ? fork() : -1;
	if (!child)
		_exit(-sysfs_write(path, text));
	return child < 0 ? sysfs_write(path, text) : watch_guarantee(name, bytes, child);
}

static enum code set_guarantee(const struct request *request)
{
	const char *name = request->argv[0];
	char path[SYSFS_PATH_MAX];
	int error = 0;

	if (request_has(request, OPTION_GUARANTEE_NODES)) {
		snprintf(path, sizeof(path), "tenants/%s/guaranteed_nodes", name);
		error = sysfs_write(path, request->values[OPTION_GUARANTEE_NODES].text);
		if (error == -EBUSY) {
			error_set(CODE_BUSY, "the tenant '%s' has a guarantee on other nodes", name);
			error_hint("end it with --guarantee 0 first");
			return CODE_BUSY;
		}
	}
	if (!error && request_has(request, OPTION_GUARANTEE)) {
		snprintf(path, sizeof(path), "tenants/%s/guaranteed_bytes", name);
		error = write_guarantee(path, name, request->values[OPTION_GUARANTEE].number);
		if (error == -ENOSPC || error == -ENOMEM || error == -EDQUOT) {
			error_set(CODE_FAILED, "the guarantee of the tenant '%s' cannot be had, and is as before: %s",
				  name, error == -ENOMEM ? "the host has not as much free memory" :
				  error == -EDQUOT ? "its quota does not allow it" :
				  "the tiers' limits do not allow it, or blocks of others must stay");
			error_hint("look at 'kvpoolctl tier show' and 'kvpoolctl tenant show'");
			return CODE_FAILED;
		}
	}
	return error ? sysfs_failed(error, path, "change the tenant") : CODE_OK;
}

static enum code write_settings(const struct request *request)
{
	static const struct {
		enum option_id option;
		const char *file;
	} settings[] = {
		{ OPTION_QUOTA, "quota_bytes" },
		{ OPTION_PIN_QUOTA, "pin_quota_bytes" },
		{ OPTION_PUSH_QUOTA, "push_quota_bytes" },
		{ OPTION_UID, "uid" },
		{ OPTION_GID, "gid" },
	};
	char path[SYSFS_PATH_MAX], text[32];
	uint64_t number;
	int error, i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		if (!request_has(request, settings[i].option))
			continue;
		snprintf(path, sizeof(path), "tenants/%s/%s", request->argv[0], settings[i].file);
		number = request->values[settings[i].option].number;
		if (number == OPTION_NO_ID)
			strcpy(text, "none");
		else
			snprintf(text, sizeof(text), "%" PRIu64, number);
		error = sysfs_write(path, text);
		if (error)
			return sysfs_failed(error, path, "change the tenant");
	}
	return set_guarantee(request);
}

/* Ends a command that has changed a tenant: in JSON the changed tenant is shown. */
static enum code finish(const struct request *request)
{
	return out_is_json() ? show_one(request->argv[0]) : CODE_OK;
}

static enum code make(const char *name)
{
	int error = sysfs_write("tenants/add", name);

	if (error == -EEXIST) {
		error_set(CODE_EXISTS, "there is a tenant '%s' already", name);
		error_hint("change it with 'kvpoolctl tenant set %s'", name);
		return CODE_EXISTS;
	}
	if (error == -EINVAL) {
		error_set(CODE_FAILED, "the module refuses '%s' as the name of a tenant", name);
		error_hint("use a-z, 0-9, '-', '_' and '.', and begin with no '.'");
		return CODE_FAILED;
	}
	return error ? sysfs_failed(error, "tenants/add", "add the tenant") : CODE_OK;
}

static enum code add(struct request *request)
{
	const char *name = request->argv[0];
	enum code code;

	if (!sysfs_name_ok(name) || strlen(name) >= KVPOOL_NAME_SIZE)
		return request_wrong(request,
				     "'%s' cannot be the name of a tenant: use 1 to %d characters and no '/'",
				     name, KVPOOL_NAME_SIZE - 1);
	code = sysfs_present() ?: make(name);
	if (code)
		return code;
	code = write_settings(request);
	if (code) {
		error_append(", and the tenant '%s' was added without some of its settings", name);
		return code;
	}
	return finish(request);
}

static enum code set(struct request *request)
{
	return check_exists(request->argv[0]) ?: write_settings(request) ?: finish(request);
}

static enum code drop(struct request *request)
{
	char path[SYSFS_PATH_MAX];
	enum code code;
	int error;

	code = check_exists(request->argv[0]);
	if (code)
		return code;
	snprintf(path, sizeof(path), "tenants/%s/drop", request->argv[0]);
	error = sysfs_write(path, "1");
	return error ? sysfs_failed(error, path, "drop the blocks of the tenant") :
	       finish(request);
}

static enum code del(struct request *request)
{
	const char *name = request->argv[0];
	enum code code;
	int error;

	code = check_exists(name);
	if (code)
		return code;
	error = sysfs_write("tenants/del", name);
	if (error == -EBUSY) {
		error_set(CODE_BUSY, "cannot delete the tenant '%s': files of it are open",
			  name);
		error_hint("end the processes that 'kvpoolctl context show --tenant %s' lists",
			   name);
		return CODE_BUSY;
	}
	if (error == -EPERM && !strcmp(name, "default"))
		return error_set(CODE_FAILED, "the default tenant cannot be deleted");
	return error ? sysfs_failed(error, "tenants/del", "delete the tenant") : CODE_OK;
}

const struct noun noun_tenant = {
	.name = "tenant",
	.plural = "tenants",
	.summary = "the isolation domains of the pool",
	.verbs = {
		{ "show", "[TENANT]", 0, 1, 0, 0, show, "all tenants, or all members of one" },
		{ "add", "NAME", 1, 1, SETTINGS, 0, add, "add a tenant" },
		{ "set", "TENANT", 1, 1, SETTINGS, SETTINGS, set, "change settings of a tenant" },
		{ "drop", "TENANT", 1, 1, 0, 0, drop,
		  "make all of its blocks unknown at once; leases go on" },
		{ "del", "TENANT", 1, 1, 0, 0, del,
		  "delete a tenant of which no file is open, with its blocks" },
	},
	.notes =
"USED is the memory of the tenant's blocks, ARENA the memory that it holds for\n"
"them, FILES its open files.\n",
};
