#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs the test programs and the checks of what the library ships, and makes one
# stream of TAP of it.
#
# usage: run.sh OUTPUT_DIR PROGRAM...   (from the directory libkvpool)

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

sed -n 's/^\t\t\(kvpool_[a-z_]*\);$/\1/p' libkvpool.map | sort > "$tmp/map"
${NM:-nm} -D --defined-only "$out/libkvpool.so" | sed -n 's/.* T \([^@]*\)@.*/\1/p' |
	sort > "$tmp/exported"
try "symbols: the library exports what its map names" diff "$tmp/map" "$tmp/exported"
sed -n '/^static inline/d;s/^[^ *\/#].*[ *]\(kvpool_[a-z_]*\)(.*/\1/p' include/kvpool.h |
	sort -u > "$tmp/header"
try "symbols: the header declares what the map names" diff "$tmp/map" "$tmp/header"

include="-Iinclude -I../uapi"
echo '#include <kvpool.h>' > "$tmp/c.c"
# Some calls have the name of a structure.
cat > "$tmp/c.cc" <<EOF
#include <kvpool.h>

int main()
{
	struct kvpool_stats stats;
	struct kvpool *pool;

	if (kvpool_open(&pool, nullptr))
		return 1;
	const struct kvpool_info *info = kvpool_info(pool);
	return kvpool_stats(pool, &stats, sizeof(stats)) || info->abi_version < 1;
}
EOF
for std in c99 c11 gnu17; do
	# shellcheck disable=SC2086
	try "header: compiles as $std" ${CC:-cc} -std=$std -pedantic -Wall -Wextra -Werror \
		$include -fsyntax-only "$tmp/c.c"
done
if command -v "${CXX:-c++}" > /dev/null; then
	for std in c++11 c++20; do
		# shellcheck disable=SC2086
		try "header: compiles and links as $std" "${CXX:-c++}" -std=$std -pedantic -Wall \
			-Wextra -Werror $include -o "$tmp/cc" "$tmp/c.cc" "$out/libkvpool.so"
	done
else
	skip "header: compiles as C++" "no C++ compiler"
fi

# Every page is clean, and every function has one that documents it.
for page in man/*.[1-9]; do
	if command -v mandoc > /dev/null; then
		try "manual: $page" mandoc -T lint -W warning "$page"
	else
		skip "manual: $page" "no mandoc"
	fi
done
sed -n 's/^\.Nm \(kvpool_[a-z_]*\).*/\1/p' man/kvpool_*.3 | sort -u > "$tmp/documented"
try "manual: describes what the map names" diff "$tmp/map" "$tmp/documented"

# The examples in the manual compile; a program is one with main().
for page in man/*.[37]; do
	awk '/^\.Sh/ { on = /EXAMPLES/ } on' "$page" |
		sed -n '/^\.Bd -literal/,/^\.Ed/{/^\.[BE]d/d;s/\\e/\\/g;p}' > "$tmp/example.c"
	grep -q 'main(' "$tmp/example.c" || continue
	# shellcheck disable=SC2086
	try "manual: the example of $page compiles" ${CC:-cc} -std=gnu11 -Wall -Wextra -Werror \
		$include -o "$tmp/example" "$tmp/example.c" "$out/libkvpool.so"
done

echo "1..$tests"
[ $failed = 0 ]
