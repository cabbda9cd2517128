# shellcheck shell=bash
# Fuzzing.

# What libFuzzer needs to see of the code: which edges an input takes, and which
# values it is compared with. Without a sanitizer any recent compiler does; the
# code is safe Rust, so what matters is panics and broken promises.
fuzz_flags=(
  -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares
)

# Fuzzes every target, or those named, for so many seconds each. What libFuzzer
# learns stays in target/fuzz/corpus, what breaks a promise in target/fuzz/found.
cmd_fuzz() {
  local seconds=${1:-60} host target found
  case $seconds in
    '' | *[!0-9]*) die "how many seconds for each target? ./x fuzz SECONDS [TARGET ...]" ;;
  esac
  [ $# = 0 ] || shift
  local targets=("$@") binaries=()
  if [ $# = 0 ]; then
    for target in src/fuzz/targets/*.rs; do targets+=("$(basename "$target" .rs)"); done
  fi
  for target in "${targets[@]}"; do
    [ -e "src/fuzz/targets/$target.rs" ] || die "there is no fuzz target '$target': see src/fuzz/targets."
    binaries+=(--bin "fuzz-$target")
  done
  setup_build
  ensure_cxx
  host=$(host)
  step "building the fuzz targets"
  CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_CODEGEN_UNITS=16 RUSTFLAGS="${fuzz_flags[*]}" \
    cargo build --package fuzz --target "$host" --target-dir target "${binaries[@]}"
  found=$PWD/target/fuzz/found
  mkdir -p "$found"
  for target in "${targets[@]}"; do
    step "fuzzing $target for $seconds seconds"
    mkdir -p "target/fuzz/corpus/$target"
    "target/$host/debug/fuzz-$target" -max_total_time="$seconds" -timeout=10 -max_len=9000 -print_final_stats=1 \
      -verbosity=0 -dict="src/fuzz/dictionaries/$target" -artifact_prefix="$found/$target-" \
      "target/fuzz/corpus/$target" "src/fuzz/corpus/$target" >"target/fuzz/$target.log" 2>&1 || {
      cat "target/fuzz/$target.log" >&2
      die "$target broke a promise; the input is the newest of $found/$target-*"
    }
    sed -n 's/^stat::number_of_executed_units: *\(.*\)$/    \1 inputs/p' "target/fuzz/$target.log" >&2
  done
}
