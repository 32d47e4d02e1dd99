#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the test programs and checks headers, symbols, versions and manual, and
# prints one stream of TAP.
#
# usage: VERSION=X.Y.Z run.sh OUTPUT_DIR PROGRAM...   (from the directory libkvpool)

out=$1
shift
tests=0
failed=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

report() # status name
{
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - $2"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $2"
	fi
}

skip() # name reason
{
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# Runs a command; its output is shown if it fails.
try() # name command...
{
	name=$1
	shift
	if "$@" > "$tmp/out" 2>&1; then
		report 0 "$name"
	else
		sed 's/^/# /' "$tmp/out"
		report 1 "$name"
	fi
}

KVPOOL_TEST_LIBRARY=$out/libkvpool.so
export KVPOOL_TEST_LIBRARY

for program; do
	flavour=$(basename "$(dirname "$program")")
	name="$flavour/$(basename "$program")"
	"$program" > "$tmp/tap" 2> "$tmp/err"
	status=$?
	bad=$failed
	while IFS= read -r line; do
		case $line in
		'ok '*) report 0 "$name: ${line#* - }" ;;
		'not ok '*) report 1 "$name: ${line#* - }" ;;
		'#'*) echo "$line" ;;
		esac
	done < "$tmp/tap"
	sed 's/^/# /' "$tmp/err"
	# A crash or a sanitizer's report: no plan, or a status without a failed test.
	if ! grep -q '^1\.\.[1-9]' "$tmp/tap" || { [ $status != 0 ] && [ $bad = $failed ]; }; then
		report 1 "$name: ended with status $status"
	fi
done

# The names in the map, in the library, in the header, and in the manual are the same.
sed -n 's/^\t\t\(kvpool_[a-z_]*\);$/\1/p' libkvpool.map | sort > "$tmp/map"
${NM:-nm} -D --defined-only "$out/libkvpool.so" | sed -n 's/.* T \([^@]*\)@.*/\1/p' |
	sort > "$tmp/exported"
try "symbols: the library exports what its map names" diff "$tmp/map" "$tmp/exported"
sed -n 's/^[^ *\/#].*[ *]\(kvpool_[a-z_]*\)(.*/\1/p' include/kvpool.h | sort -u > "$tmp/header"
try "symbols: the header declares what the map names" diff "$tmp/map" "$tmp/header"
sed -n 's/^\.Nm \(kvpool_[a-z_]*\).*/\1/p' man/kvpool_*.3 | sort -u > "$tmp/documented"
try "manual: describes what the map names" diff "$tmp/map" "$tmp/documented"
grep -oh 'kvpool_[a-z_]*(' tests/test-cxx.cc | tr -d '(' | sort -u > "$tmp/called"
try "symbols: the test in C++ calls what the map names" diff "$tmp/map" "$tmp/called"
sed -n 's/^KVPOOL_INLINE .*\(kvpool_op_[a-z_]*\)(.*/\1/p' include/kvpool.h | sort > "$tmp/inline"
sed -n 's/^\tcompare(\(kvpool_op_[a-z_]*\),.*/\1/p' tests/test-ffi.c | sort > "$tmp/compared"
try "symbols: every inline function is compared with the exported one" \
	diff "$tmp/inline" "$tmp/compared"

# C++ programs leave out the word struct.
sed -n 's/^\(struct\|enum\|union\) \(kvpool[a-z_]*\).*/\2/p' include/kvpool.h \
	../uapi/linux/kvpool.h ../uapi/linux/kvpool_netlink.h | sort -u > "$tmp/types"
comm -12 "$tmp/map" "$tmp/types" > "$tmp/clashes"
try "symbols: no function has the name of a structure" diff /dev/null "$tmp/clashes"

# The version of the header is that of the build.
sed -n 's/^Version: //p' "$out/libkvpool.pc" > "$tmp/version"
basename "$(readlink -f "$out/libkvpool.so")" | sed 's/^libkvpool\.so\.//' >> "$tmp/version"
printf '#include <kvpool.h>\nKVPOOL_VERSION_MAJOR KVPOOL_VERSION_MINOR KVPOOL_VERSION_PATCH\n' |
	${CC:-cc} -Iinclude -I../uapi -E -P - | tail -n 1 | tr ' ' . >> "$tmp/version"
printf '%s\n%s\n%s\n' "$VERSION" "$VERSION" "$VERSION" > "$tmp/versions"
try "version: library, pkg-config and header agree" diff "$tmp/versions" "$tmp/version"

# Before C11 the kernel's header has an extension, which system headers may use.
echo '#include <kvpool.h>' > "$tmp/c.c"
for std in c99 c11 gnu17; do
	try "header: compiles as $std" ${CC:-cc} -std=$std -pedantic -Wall -Wextra -Werror \
		-Iinclude -isystem ../uapi -fsyntax-only "$tmp/c.c"
done
# As a generator of bindings reads it: declarations, and no inline function.
try "header: compiles with KVPOOL_INLINE as extern" ${CC:-cc} -std=c11 -Wall -Wextra -Werror \
	-DKVPOOL_INLINE=extern -Iinclude -I../uapi -fsyntax-only "$tmp/c.c"
if command -v "${CXX:-c++}" > /dev/null; then
	for std in c++11 c++17 c++20; do
		try "header: compiles as $std" "${CXX:-c++}" -std=$std -pedantic -Wall -Wextra \
			-Werror -Iinclude -I../uapi -fsyntax-only -x c++ "$tmp/c.c"
	done
else
	skip "header: compiles as C++; test-cxx" "no C++ compiler; install g++"
fi

# Every page is clean.
for page in man/*.[1-9]; do
	if command -v mandoc > /dev/null; then
		try "manual: $page" mandoc -T lint -W warning "$page"
	else
		skip "manual: $page" "no mandoc; install it"
	fi
done

# The examples in the manual compile; a program is one with main().
for page in man/*.[37]; do
	awk '/^\.Sh/ { on = /EXAMPLES/ } on' "$page" |
		sed -n '/^\.Bd -literal/,/^\.Ed/{/^\.[BE]d/d;s/\\e/\\/g;p}' > "$tmp/example.c"
	grep -q 'main(' "$tmp/example.c" || continue
	try "manual: the example of $page compiles" ${CC:-cc} -std=gnu11 -Wall -Wextra -Werror \
		-Iinclude -I../uapi -o "$tmp/example" "$tmp/example.c" "$out/libkvpool.so"
done

echo "1..$tests"
[ $failed = 0 ]
