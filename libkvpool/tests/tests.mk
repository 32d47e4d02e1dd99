# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Tests of the library that need no module. Library and tests are built twice,
# for the address and undefined behaviour sanitizers and for the thread sanitizer.
# A test in C++ needs a C++ compiler and is left out without one.

CXX_TESTS := $(if $(shell command -v $(CXX)),$(sort $(wildcard $(S)/tests/test-*.cc)))
TEST_SRCS := $(sort $(wildcard $(S)/tests/test-*.c)) $(CXX_TESTS)
TEST_NAMES := $(sort $(basename $(notdir $(TEST_SRCS))))
TEST_COMMON := $(sort $(wildcard $(S)/tests/mock*.c))
TEST_WRAP := -Wl,--wrap=open,--wrap=close,--wrap=mmap,--wrap=munmap,--wrap=ioctl \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=reallocarray
TEST_SANITIZERS := asan tsan
TEST_CFLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
TEST_CFLAGS_tsan := -fsanitize=thread
TEST_BINS := $(foreach s,$(TEST_SANITIZERS),$(TEST_NAMES:%=$(O)/tests/$(s)/%))

define compile_cxx
@mkdir -p $(@D)
$(Q_CXX)$(CXX) $(KVP_CPPFLAGS) $(KVP_CXXFLAGS) $(1) -MMD -MP -c -o $@ $<
endef

# $(1): sanitizer
define sanitized
$(O)/obj/$(1)/src/%.o: $(S)/src/%.c
	$$(call compile,-O1 -fno-omit-frame-pointer $(TEST_CFLAGS_$(1)) $(NETTLE_CFLAGS))

$(O)/obj/$(1)/tests/%.o: $(S)/tests/%.c
	$$(call compile,-O1 -fno-omit-frame-pointer $(TEST_CFLAGS_$(1)))

$(O)/obj/$(1)/tests/%.o: $(S)/tests/%.cc
	$$(call compile_cxx,-O1 -fno-omit-frame-pointer $(TEST_CFLAGS_$(1)))

$(TEST_NAMES:%=$(O)/tests/$(1)/%): $(O)/tests/$(1)/%: $(O)/obj/$(1)/tests/%.o \
		$(TEST_COMMON:$(S)/tests/%.c=$(O)/obj/$(1)/tests/%.o) $(SRCS:$(S)/src/%.c=$(O)/obj/$(1)/src/%.o)
	@mkdir -p $$(@D)
	$$(Q_LD)$$(if $$(filter $$*,$(basename $(notdir $(CXX_TESTS)))),$$(CXX),$$(CC)) $$(CFLAGS) \
		$(TEST_CFLAGS_$(1)) $$(LDFLAGS) $(TEST_WRAP) -o $$@ $$^ $$(NETTLE_LIBS) -ldl -pthread
endef
$(foreach s,$(TEST_SANITIZERS),$(eval $(call sanitized,$(s))))

# Tests of the library on a loaded module; they run where one is.
MODULE_TESTS := $(patsubst $(S)/tests/%.c,$(O)/tests/%,$(wildcard $(S)/tests/module*.c))

$(MODULE_TESTS): $(O)/tests/%: $(S)/tests/%.c $(wildcard $(S)/tests/*.h) $(LIB_A)
	$(call compile_test)

define compile_test
@mkdir -p $(@D)
$(Q_LD)$(CC) $(KVP_CPPFLAGS) $(KVP_CFLAGS) $(LDFLAGS) -o $@ $< $(LIB_A) $(NETTLE_LIBS) -pthread
endef

module-test: $(MODULE_TESTS)

.PHONY: module-test

check: lib $(TEST_BINS) $(MODULE_TESTS)
	@CC='$(CC)' CXX='$(CXX)' NM='$(NM)' VERSION='$(VERSION)' sh $(S)/tests/run.sh $(O) $(TEST_BINS)
