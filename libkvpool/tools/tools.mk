# SPDX-License-Identifier: MIT
# What kvpoolctl adds to the Makefile of the library.

.DEFAULT_GOAL := all

COMPLETIONSDIR ?= $(PREFIX)/share/bash-completion/completions

install: install-completion

install-completion:
	$(INSTALL) -d $(DESTDIR)$(COMPLETIONSDIR)
	$(INSTALL) -m 644 $(S)/tools/completion/kvpoolctl.bash $(DESTDIR)$(COMPLETIONSDIR)/kvpoolctl

.PHONY: install-completion
