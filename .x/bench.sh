# shellcheck shell=bash
# The benchmarks. Their code is in src/bench and app/puzzle/benches.

# Builds the minter as the browser gets it, with SIMD and without, and measures it there.
bench_stamps_browser() {
  ensure_toolchain
  ensure_node
  ensure_chromium
  local variant files=()
  for variant in +simd128 ''; do
    RUSTFLAGS=${variant:+-Ctarget-feature=$variant} cargo build --package stamps-browser \
      --profile miner --target $wasm --target-dir "target/stamps$variant"
    files+=("$PWD/target/stamps$variant/$wasm/miner/stamps_browser.wasm")
  done
  node src/bench/stamps/run.mjs "${files[@]}"
}

# The C reference comes as a Python package; without Python it is left out.
bench_native() {
  ensure_toolchain
  local python=$PWD/target/bench/python/bin/python
  if ! [ -x "$python" ]; then
    step "installing the C reference of Argon2 (argon2-cffi)"
    { have python3 || apt_install python3 python3-venv || true
      python3 -m venv target/bench/python && "$python" -m pip install --quiet argon2-cffi==25.1.0
    } >"$tools/argon2-cffi.log" 2>&1 || rm -rf target/bench/python
  fi
  if [ -x "$python" ]; then
    export HASHPASS_C_REFERENCE=$python
  else
    step "the C reference cannot be had (see $tools/argon2-cffi.log): measuring without it"
  fi
  cargo build --release --package hashpass-bench
  target/release/hashpass-bench "$@"
}

# Measures the released server as a process of its own.
bench_server() {
  build_all
  cargo build --release --package hashpass-bench
  step "measuring target/release/hashpass"
  target/release/hashpass-bench "$@"
}

# What the page of the benchmark needs, the native miner to compare with, and the
# server whose worker is measured.
bench_browser() {
  build_all
  ensure_chromium
  step "building the benchmark"
  cargo build --release --package bench-browser --bin bench-native-miner
  cargo build --package bench-browser --lib --profile wasm-release --target $wasm --target-dir target/front
  mkdir -p target/bench
  wasm-bindgen --target web --no-typescript --out-name client --out-dir target/bench/browser \
    target/front/$wasm/wasm-release/bench_browser.wasm
  step "measuring (some minutes)"
  (cd end2end && npx playwright test --config ../src/bench/browser/playwright.config.ts)
}

cmd_bench() {
  case ${1:-} in
    native) bench_native "$@" ;;
    retarget | stamps)
      ensure_toolchain
      cargo bench -p puzzle --bench "$1"
      ;;
    ledger)
      ensure_toolchain
      ensure_node
      ensure_wasm_bindgen
      cargo bench --package hashpass --bench ledger -- "${@:2}"
      ;;
    browser) bench_browser ;;
    stamps-browser) bench_stamps_browser ;;
    http)
      ensure_chromium
      bench_server "$@"
      ;;
    attack | live | lobby) bench_server "$@" ;;
    *) die "which benchmark? native, browser, attack, http, live, lobby, ledger, retarget, stamps or stamps-browser." ;;
  esac
}
