#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build the unit tests, run them all and report in TAP: programs of a variant that
# cannot be built are skipped with the reason.
#   UNIT_O=<dir> MAKE=<make> run.sh <dir of the sources>

here=${1%/}
out=$UNIT_O
fuzz_runs=${FUZZ_RUNS:-20000}
nr=0
failed=0

export ASAN_OPTIONS=detect_stack_use_after_return=1:"$ASAN_OPTIONS"
export UBSAN_OPTIONS=print_stacktrace=1:"$UBSAN_OPTIONS"
export TSAN_OPTIONS=halt_on_error=1:"$TSAN_OPTIONS"

# result ok|"not ok" <name>
result()
{
	nr=$((nr + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $nr - $2"
}

comment()
{
	sed -e 's/^# //' -e 's/^/# /' "$1" | head -n "${2:-80}"
}

# Can programs of this variant be built, and do they run here? Old sanitizers
# do not get along with much randomisation of addresses. Sets $wrap.
usable()
{
	wrap=
	"$MAKE" -C "$here" O="$out" "probe-$1" >"$out/log" 2>&1 || return 1
	"$out/$1/probe" -runs=1 >"$out/log" 2>&1 && return 0
	wrap="setarch $(uname -m) -R"
	$wrap "$out/$1/probe" -runs=1 >"$out/log" 2>&1
}

# skip <variant> <reason>, for each program of the variant
skip()
{
	for prog in $("$MAKE" -s -C "$here" "list-$1"); do
		result ok "$1: $prog # SKIP $2"
	done
}

# Renumber the results of a test program.
run_test()
{
	plan=0
	seen=0
	bad=0
	$wrap "$out/$1/$2" >"$out/stdout" 2>"$out/stderr"
	status=$?
	while read -r line; do
		case $line in
		1..*)
			plan=${line#1..} ;;
		"ok "*)
			seen=$((seen + 1))
			result ok "$1: ${line#ok * - }" ;;
		"not ok "*)
			seen=$((seen + 1))
			bad=1
			result "not ok" "$1: ${line#not ok * - }" ;;
		*)
			echo "$line" ;;
		esac
	done <"$out/stdout"
	if [ $bad = 0 ] && { [ $status != 0 ] || [ "$seen" != "$plan" ]; }; then
		bad=1
		result "not ok" "$1: $2 ran to its end (status $status)"
	fi
	[ $bad = 0 ] || comment "$out/stderr"
}

run_fuzzer()
{
	$wrap "$out/$1/$2" -runs="$fuzz_runs" -max_total_time=10 -seed=1 \
		-max_len=1024 -len_control=10 -timeout=20 \
		-artifact_prefix="$out/$2-" >"$out/stdout" 2>"$out/stderr"
	if [ $? = 0 ]; then
		grep '^Done' "$out/stderr" | sed "s/^/# $2: /"
		result ok "$1: $2 finds nothing in a short run"
	else
		result "not ok" "$1: $2 finds nothing in a short run"
		comment "$out/stderr"
	fi
}

variant()
{
	if ! usable "$1"; then
		comment "$out/log" 10
		skip "$1" "$2"
		return
	fi
	if ! "$MAKE" -j2 -C "$here" O="$out" "$1" >"$out/log" 2>&1; then
		result "not ok" "$1: builds"
		comment "$out/log"
		return
	fi
	result ok "$1: builds"
	for prog in $("$MAKE" -s -C "$here" "list-$1"); do
		"$3" "$1" "$prog"
	done
}

mkdir -p "$out"
variant asan "no working compiler with AddressSanitizer" run_test
variant tsan "no working compiler with ThreadSanitizer" run_test
variant fuzzers "no libFuzzer: clang-14 and libclang-rt-14-dev have it" \
	run_fuzzer
echo "1..$nr"
[ $failed = 0 ]
