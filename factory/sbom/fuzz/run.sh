#!/usr/bin/env bash
# Fuzzes the readers of foreign bytes: `run.sh [SECONDS [TARGET…]]`, each target for so many seconds (default 60), all of
# them where none is named. What `cargo fuzz run` does, with the stable toolchain: everything here is safe Rust, so the
# coverage is wanted and the address sanitizer, which needs a nightly one, is not.
#
# Findings lie in artifacts/, the corpus in corpus/, which is for the committed one: what a run adds goes to found/. To take the
# best of it over: `run.sh --minimise`, which keeps a small corpus of small files.
set -euo pipefail
cd "$(dirname "$0")"

coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
target="$(rustc -vV | sed -n 's/^host: //p')"
# Named by --target, so that build scripts and macros, which are not fuzzed, are built without the flags.
RUSTFLAGS="$coverage --cfg fuzzing" cargo build --release --bins --target "$target"
built="${CARGO_TARGET_DIR:-target}/$target/release"

minimise=0 seconds=60
case "${1:-}" in
  --minimise) minimise=1; shift ;;
  [0-9]*) seconds="$1"; shift ;;
esac
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
  for file in fuzz_targets/*.rs; do name="${file##*/}"; targets+=("${name%.rs}"); done
fi

# Bytes of an input: enough for every path, little enough for speed. A database has pages of 4096 bytes.
length() { case "$1" in rpm|rpm_log) echo 65536 ;; binary|java) echo 16384 ;; *) echo 4096 ;; esac; }

for name in "${targets[@]}"; do
  mkdir -p "corpus/$name" "found/$name" artifacts
  if [ "$minimise" = 1 ]; then
    mkdir -p "least/$name"
    "$built/$name" -merge=1 -max_len=2048 "least/$name" "corpus/$name" "found/$name" 2>/dev/null
    continue
  fi
  "$built/$name" -max_total_time="$seconds" -max_len="$(length "$name")" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="artifacts/$name-" "found/$name" "corpus/$name" 2>"found/$name.log" \
    || { echo "$name: FOUND SOMETHING, see artifacts/ and found/$name.log"; exit 1; }
  executions="$(sed -n 's/^stat::number_of_executed_units: *//p' "found/$name.log")"
  echo "$name $executions executions"
done
