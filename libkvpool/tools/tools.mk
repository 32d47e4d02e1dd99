# SPDX-License-Identifier: MIT
# What kvpoolctl adds to the Makefile of the library.

.DEFAULT_GOAL := all

TOOLS_CFLAGS += -DKVPOOLCTL_VERSION='"$(VERSION)"'

# The commands on the fabric talk generic netlink.
TOOLS_CFLAGS += $(shell $(PKG_CONFIG) --cflags libnl-genl-3.0)
TOOLS_LIBS += -lm $(or $(shell $(PKG_CONFIG) --libs libnl-genl-3.0),-lnl-genl-3 -lnl-3)

COMPLETIONSDIR ?= $(PREFIX)/share/bash-completion/completions

install: install-completion

install-completion:
	$(INSTALL) -d $(DESTDIR)$(COMPLETIONSDIR)
	$(INSTALL) -m 644 $(S)/tools/completion/kvpoolctl.bash $(DESTDIR)$(COMPLETIONSDIR)/kvpoolctl

.PHONY: install-completion
