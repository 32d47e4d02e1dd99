# SPDX-License-Identifier: MIT
# Rules of kvpoolctl in the Makefile of the library.

.DEFAULT_GOAL := all

TOOLS_CFLAGS += -DKVPOOLCTL_VERSION='"$(VERSION)"'

# The nouns of the fabric talk generic netlink.
TOOLS_CFLAGS += $(shell $(PKG_CONFIG) --cflags libnl-genl-3.0)
TOOLS_LIBS += $(or $(shell $(PKG_CONFIG) --libs libnl-genl-3.0),-lnl-genl-3 -lnl-3)

COMPLETIONSDIR ?= $(PREFIX)/share/bash-completion/completions
DATADIR ?= $(PREFIX)/share/kvpool

install: install-tools-data

# What belongs to kvpoolctl beside the program and its manual.
install-tools-data:
	$(INSTALL) -d $(DESTDIR)$(COMPLETIONSDIR) $(DESTDIR)$(DATADIR)
	$(INSTALL) -m 644 $(S)/tools/completion/kvpoolctl.bash $(DESTDIR)$(COMPLETIONSDIR)/kvpoolctl
	$(INSTALL) -m 644 $(S)/../Documentation/admin-guide/kvpoolctl.schema.json \
		$(DESTDIR)$(DATADIR)/

.PHONY: install-tools-data
