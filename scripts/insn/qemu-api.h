/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of QEMU's plugin interface that insn.c uses. Debian ships no header
 * for it. QEMU_API is the version that the plugin says it was made for: 1 for
 * QEMU 7.2 (bookworm), 4 for QEMU 10.0.
 */
#ifndef INSN_QEMU_API_H
#define INSN_QEMU_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct plugin_host {
	const char *target;
	struct {
		int min;
		int cur;
	} version;
	bool system;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} vcpus;
};

/* The access of a callback to registers; the callbacks of insn.c have none. */
enum plugin_regs { PLUGIN_NO_REGS };

typedef void plugin_vcpu_fn(unsigned int vcpu, void *data);

extern PLUGIN_EXPORT int qemu_plugin_version;
PLUGIN_EXPORT int qemu_plugin_install(uint64_t id,
				      const struct plugin_host *host,
				      int argc, char **argv);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
		void (*fn)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
		plugin_vcpu_fn *fn, enum plugin_regs regs, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
		plugin_vcpu_fn *fn, enum plugin_regs regs, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#if QEMU_API >= 3
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to,
			     size_t room);
#else
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#endif

#endif /* INSN_QEMU_API_H */
