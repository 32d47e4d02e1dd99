# SPDX-License-Identifier: GPL-2.0
#
# kvpool: one KV-cache pool for a host.  `make help` lists what there is.

BUILD := $(abspath $(or $(KVPOOL_BUILD),build))
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build))
PREFIX ?= /usr/local
INSTALL ?= install
VERSION := $(shell sed -n 's/^#define KVPOOL_MODULE_VERSION[[:space:]]*"\(.*\)"/\1/p' kmod/version.h)

MAKEFLAGS += --no-print-directory
J := $(or $(filter -j%,$(MAKEFLAGS)),-j$(shell nproc))

all: modules-6.12 modules-6.1 lib

help:
	@echo 'On a virtual host, from nothing (installs packages, fetches kernels):'
	@echo '  run                prefill on one host, decode on another, by a transformer'
	@echo '  run TRACE=FILE     follow a trace of requests across the two instead'
	@echo '  check              all tests, up to an hour; the last line is the result'
	@echo '  soak               all tests on all kernels, and all that is long: some hours;'
	@echo '                     HOURS=N starts further rounds until N hours have passed'
	@echo '  bench              figures and their targets; build/bench.json'
	@echo '  docs               the interface to programs, rendered to build/docs'
	@echo '  lint               W=1, sparse, checkpatch, kernel-doc, rooms, installation'
	@echo '  netlink            generate the code of the netlink family'
	@echo
	@echo 'Build and install:'
	@echo '  all                module for Debian 6.12 and 6.1, and the library'
	@echo '  modules            module for KDIR (default: the running kernel)'
	@echo '  modules_install    put it where modprobe finds it'
	@echo '  dkms-install       source, dkms.conf, udev rule and group below DESTDIR'
	@echo '  lib                library, kvpoolctl and examples'
	@echo '  install            library and tools below DESTDIR and PREFIX'
	@echo '  packages           install the Debian packages that are missing'
	@echo '  clean              remove what was built, except kernels'
	@echo '  distclean          remove build/ altogether'
	@echo
	@echo 'One suite or test:  scripts/check --help.  Virtual hosts: scripts/rig --help.'

packages:
	@scripts/packages install

modules-%:
	@scripts/kmod-build $* $(J)

modules:
	@test -n "$(KDIR)" || { \
		echo 'There are no headers of the running kernel ($(shell uname -r)).' >&2; \
		echo 'Install linux-headers-$(shell uname -r), or give KDIR=<kernel build directory>,' >&2; \
		echo 'or build for a kernel of the rig: make modules-6.12' >&2; exit 1; }
	@scripts/kmod-build $(KDIR) $(J)

# The udev rule makes /dev/kvpool the group kvpool's.
modules_install: modules
	$(MAKE) -C $(KDIR) M=$(BUILD)/mod/$(shell $(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease) \
		$(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
	$(if $(DESTDIR),,depmod -a $(shell $(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease))
	$(MAKE) udev-install

udev-install:
	$(INSTALL) -D -m 644 scripts/packaging/60-kvpool.rules \
		$(DESTDIR)/usr/lib/udev/rules.d/60-kvpool.rules
	$(INSTALL) -D -m 644 scripts/packaging/kvpool.sysusers \
		$(DESTDIR)/usr/lib/sysusers.d/kvpool.conf
	@test -n "$(DESTDIR)" || { systemd-sysusers kvpool.conf && \
		udevadm control --reload; } || \
		echo 'The group kvpool was not made: run systemd-sysusers, or groupadd -r kvpool'

dkms-install: udev-install
	$(INSTALL) -d $(DESTDIR)/usr/src/kvpool-$(VERSION)
	cp -a Kbuild kmod uapi $(DESTDIR)/usr/src/kvpool-$(VERSION)/
	sed 's/@VERSION@/$(VERSION)/' scripts/packaging/dkms.conf \
		> $(DESTDIR)/usr/src/kvpool-$(VERSION)/dkms.conf
	@echo 'Now: dkms install kvpool/$(VERSION)'

lib:
	@$(MAKE) -C libkvpool O=$(BUILD)/lib

install:
	@$(MAKE) -C libkvpool O=$(BUILD)/lib install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

run: packages
	@scripts/rig kernel fetch 6.12
	@scripts/run $(if $(TRACE),--trace $(TRACE)) $(RUN_ARGS)

check: packages
	@scripts/check

soak: packages
	@scripts/bench --only oom --oom-runs 50 --strict; ret=$$?; \
	scripts/check --soak $(if $(HOURS),--hours $(HOURS)) && exit $$ret

bench: packages
	@scripts/rig kernel fetch lean
	@scripts/bench

docs:
	@scripts/docs

lint: packages
	@scripts/lint

netlink: packages
	@scripts/ynl

clean:
	rm -rf $(BUILD)/mod $(BUILD)/lib $(BUILD)/selftests $(BUILD)/unit $(BUILD)/check $(BUILD)/soak \
		$(BUILD)/lint $(BUILD)/run $(BUILD)/ksft $(BUILD)/bench $(BUILD)/insn $(BUILD)/rig-cache \
		$(BUILD)/fabric $(BUILD)/test-examples $(BUILD)/docs $(BUILD)/docs-tools $(BUILD)/ci-root

distclean:
	-scripts/rig down --all
	rm -rf $(BUILD)

.PHONY: all help packages modules modules_install udev-install dkms-install lib install \
	run check soak bench docs lint netlink clean distclean
