// SPDX-License-Identifier: MIT
/* kvpoolctl tenants. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kvpool.h>

#include "kvpoolctl.h"

/* What is to be changed; null leaves it as it is. */
struct changes {
	char *quota_bytes;
	char *pin_quota_bytes;
	char *uid;
	char *gid;
};

static void usage(FILE *to)
{
	fprintf(to,
"Usage: kvpoolctl tenants [list] [--json]\n"
"       kvpoolctl tenants show NAME [--json]\n"
"       kvpoolctl tenants add NAME [--quota SIZE] [--pin-quota SIZE] [--uid USER] [--gid GROUP]\n"
"       kvpoolctl tenants set NAME [--quota SIZE] [--pin-quota SIZE] [--uid USER] [--gid GROUP]\n"
"       kvpoolctl tenants drop NAME\n"
"       kvpoolctl tenants del NAME\n"
"List, add, change, empty and delete tenants.\n"
"\n"
"  -q, --quota SIZE      most memory that the tenant may hold; 0 is unlimited\n"
"  -p, --pin-quota SIZE  most memory that its hard-pinned blocks may take\n"
"  -u, --uid USER        user who may attach, by name or number\n"
"  -g, --gid GROUP       group whose members may attach, by name or number\n"
"  -j, --json            print JSON\n"
"  -h, --help            show this text\n"
"\n"
"SIZE is in bytes, or has a suffix K, M, G or T (powers of 1024).\n"
"'drop' evicts all blocks of the tenant that are neither leased nor hard-pinned.\n"
"'del' deletes a tenant that nobody has open.\n");
}

static char *make_text(uint64_t value)
{
	char *text;

	if (asprintf(&text, "%" PRIu64, value) < 0) {
		complain("no memory");
		exit(EX_FAILED);
	}
	return text;
}

/* These make the texts that the files in sysfs take. */
static bool keep_text(char **text, uint64_t number)
{
	free(*text);
	*text = make_text(number);
	return true;
}

static bool parse_user(const char *name, void *text)
{
	const struct passwd *user = getpwnam(name);
	uint64_t number;

	if (user)
		return keep_text(text, user->pw_uid);
	return parse_u64(name, &number) && number < UINT32_MAX && keep_text(text, number);
}

static bool parse_group(const char *name, void *text)
{
	const struct group *group = getgrnam(name);
	uint64_t number;

	if (group)
		return keep_text(text, group->gr_gid);
	return parse_u64(name, &number) && number < UINT32_MAX && keep_text(text, number);
}

static bool parse_quota(const char *size, void *text)
{
	uint64_t number;

	return parse_size(size, &number) && keep_text(text, number);
}

static int apply(const char *name, const struct changes *changes)
{
	const struct {
		const char *file, *value;
	} writes[] = {
		{ "quota_bytes", changes->quota_bytes },
		{ "pin_quota_bytes", changes->pin_quota_bytes },
		{ "uid", changes->uid },
		{ "gid", changes->gid },
	};
	char path[256];
	size_t i;
	int error;

	for (i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		if (!writes[i].value)
			continue;
		snprintf(path, sizeof(path), "tenants/%s/%s", name, writes[i].file);
		error = sysfs_write(path, writes[i].value);
		if (error)
			return sysfs_fail("change the tenant", path, error);
	}
	return EX_OK;
}

static void print_one(const struct tenant *tenant)
{
	int i;

	printf("%-18s %s\n%-18s %" PRIu64 "\n%-18s %s\n%-18s %s\n", "name", tenant->name,
	       "id", tenant->id, "uid", tenant->uid, "gid", tenant->gid);
	printf("%-18s %" PRIu64 "\n%-18s %" PRIu64 "\n%-18s %" PRIu64 "\n",
	       "contexts", tenant->contexts, "quota_bytes", tenant->quota_bytes,
	       "pin_quota_bytes", tenant->pin_quota_bytes);
	for (i = 0; i < NR_COUNTERS; i++)
		printf("%-18s %" PRIu64 "\n", counter_names[i], tenant->counter[i]);
	printf("%-18s %.4f\n", "hit_rate", hit_rate(tenant->counter));
}

static int show(const char *name, bool json)
{
	struct tenant tenant;
	int code = read_tenant(name, &tenant);

	if (!code && json) {
		json_begin(NULL, '{');
		json_tenant(&tenant);
		json_end('}');
		json_done();
	} else if (!code) {
		print_one(&tenant);
	}
	return code;
}

static int list(bool json)
{
	char bytes[32], arena[32], quota[32];
	struct tenant *tenants = NULL;
	int nr, code, i;

	code = read_tenants(&tenants, &nr);
	if (!code && json) {
		json_tenants(NULL, tenants, nr);
		json_done();
	} else if (!code) {
		printf("%-16s %4s %10s %10s %6s %9s %11s %11s %11s %7s\n", "TENANT", "ID", "UID",
		       "GID", "FILES", "BLOCKS", "BYTES", "MEMORY", "QUOTA", "HITS %");
		for (i = 0; i < nr; i++) {
			const struct tenant *t = &tenants[i];

			printf("%-16s %4" PRIu64 " %10s %10s %6" PRIu64 " %9" PRIu64
			       " %11s %11s %11s %7.2f\n", t->name, t->id, t->uid, t->gid,
			       t->contexts, t->counter[C_BLOCKS],
			       size_text(t->counter[C_BYTES], bytes, sizeof(bytes)),
			       size_text(t->counter[C_ARENA_BYTES], arena, sizeof(arena)),
			       t->quota_bytes ? size_text(t->quota_bytes, quota, sizeof(quota)) :
						"unlimited",
			       100 * hit_rate(t->counter));
		}
	}
	free(tenants);
	return code;
}

static int add(const char *name, const struct changes *changes)
{
	int error, code;

	if (!sysfs_name_ok(name) || strlen(name) >= KVPOOL_NAME_SIZE) {
		complain("'%s' cannot be the name of a tenant: it has 1 to %d characters and no '/'",
			 name, KVPOOL_NAME_SIZE - 1);
		return EX_BAD_USAGE;
	}
	error = sysfs_write("tenants/add", name);
	if (error == -EEXIST) {
		complain("there is a tenant '%s' already; change it with 'kvpoolctl tenants set'",
			 name);
		return EX_FAILED;
	}
	if (error == -EINVAL) {
		complain("the module refuses '%s' as the name of a tenant; use a-z, 0-9, '-', '_' and '.', and no '.' at the beginning",
			 name);
		return EX_FAILED;
	}
	if (error)
		return sysfs_fail("add the tenant", "tenants/add", error);
	code = apply(name, changes);
	if (code)
		complain("the tenant '%s' was added without some of its settings", name);
	return code;
}

/* Makes sure that the tenant is there, so that errors speak of the right thing. */
static int must_exist(const char *name)
{
	struct tenant tenant;

	return read_tenant(name, &tenant);
}

static int del(const char *name)
{
	int code = must_exist(name);
	int error;

	if (code)
		return code;
	error = sysfs_write("tenants/del", name);
	if (error == -EBUSY) {
		complain("the tenant '%s' is in use; end the processes that have it open, see 'kvpoolctl tenants show %s'",
			 name, name);
		return EX_FAILED;
	}
	if (error == -EPERM) {
		complain("the tenant '%s' is the default tenant and cannot be deleted", name);
		return EX_FAILED;
	}
	return error ? sysfs_fail("delete the tenant", "tenants/del", error) : EX_OK;
}

static int drop(const char *name)
{
	char path[256];
	int code = must_exist(name);
	int error;

	if (code)
		return code;
	snprintf(path, sizeof(path), "tenants/%s/drop", name);
	error = sysfs_write(path, "1");
	return error ? sysfs_fail("empty the tenant", path, error) : EX_OK;
}

static int run(const char *verb, int argc, char **argv, const struct changes *changes,
	       bool json)
{
	bool any = changes->quota_bytes || changes->pin_quota_bytes || changes->uid ||
		   changes->gid;
	bool is_list = !strcmp(verb, "list");
	bool is_set = !strcmp(verb, "set");
	bool is_add = !strcmp(verb, "add");
	const char *name = argv[0];
	int code;

	if (!is_list && !is_set && !is_add && strcmp(verb, "show") && strcmp(verb, "del") &&
	    strcmp(verb, "drop"))
		return usage_error("tenants", "'%s' is not list, show, add, set, drop or del",
				   verb);
	if (argc != !is_list)
		return usage_error("tenants", is_list ? "'%s' takes no name" :
				   "'%s' takes the name of one tenant", verb);
	if (any && !is_set && !is_add)
		return usage_error("tenants", "'%s' changes no settings", verb);
	if (is_set && !any)
		return usage_error("tenants", "'set' needs something to change");

	code = sysfs_present();
	if (code)
		return code;
	if (is_list)
		return list(json);
	if (!strcmp(verb, "show"))
		return show(name, json);
	if (is_add)
		code = add(name, changes);
	else if (is_set)
		code = must_exist(name) ?: apply(name, changes);
	else if (!strcmp(verb, "drop"))
		code = drop(name);
	else
		return del(name);
	return code || !json ? code : show(name, true);
}

int cmd_tenants(struct args *args)
{
	struct changes changes = { 0 };
	const struct opt opts[] = {
		{ 'q', "quota", parse_quota, &changes.quota_bytes, "a size" },
		{ 'p', "pin-quota", parse_quota, &changes.pin_quota_bytes, "a size" },
		{ 'u', "uid", parse_user, &changes.uid, "a user" },
		{ 'g', "gid", parse_group, &changes.gid, "a group" },
	};
	const char *verb;
	int code;

	code = parse_options(args, usage, opts, ARRAY_SIZE(opts));
	if (code == EX_GO_ON) {
		verb = take_verb(args, "list");
		code = run(verb, args->argc, args->argv, &changes, args->json);
	}
	free(changes.quota_bytes);
	free(changes.pin_quota_bytes);
	free(changes.uid);
	free(changes.gid);
	return code;
}
