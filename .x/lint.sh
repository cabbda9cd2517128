# shellcheck shell=bash
# Everything that can be said about the code without running it.

# The licences that a dependency may have: all of them let anybody use and pass on the
# binary. Whatever else turns up is for a person to judge.
licences=(0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 CDLA-Permissive-2.0 ISC
  MIT NCSA Unicode-3.0 Unlicense Zlib)

setup_lint() {
  ensure_cargo_machete
  ensure_shellcheck
  ensure_cxx
}

cmd_lint() {
  setup_build
  lint_without_building
  lint_rust
  lint_documentation
}

# What takes seconds: the first part of `./x test`.
lint_without_building() {
  setup_lint
  lint_scripts
  step "checking the format"
  cargo fmt --all --check
  lint_dependencies
}

# Bash, TypeScript and JavaScript.
lint_scripts() {
  step "linting the scripts"
  shellcheck --external-sources --check-sourced x .ci/run
  (cd end2end && tsc --project typecheck.json &&
    biome lint --error-on-warnings --config-path=. . ../src/bench/{browser,stamps,first-visit.mjs})
}

# Duplicate versions are clippy's to find; see .clippy.toml.
lint_dependencies() {
  step "checking the dependencies"
  cargo-machete --with-metadata . >"$tools/machete-report.log" 2>&1 || {
    cat "$tools/machete-report.log" >&2
    die "there are dependencies that nothing uses, see above."
  }
  local target packages unknown
  for target in "$(host)" $wasm; do
    packages=$(cargo tree --workspace --locked --edges normal,build,dev --target "$target" --prefix none --format '{p}: {l}')
    # Between two members there is an empty line.
    unknown=$(grep -vE "^$|: $(licence_expression)( \(\*\))?$" <<<"$packages" | sort -u) || continue
    printf '%s\n' "$unknown" >&2
    die "these dependencies have a licence that .x/lint.sh does not allow, or none."
  done
}

# Matches an expression of allowed licences: with slashes too, as it was written once.
licence_expression() {
  local one
  one="\\(*($(IFS='|' && printf '%s' "${licences[*]}"))( WITH LLVM-exception)?\\)*"
  printf '%s(( OR | AND |/)%s)*' "${one//./\\.}" "${one//./\\.}"
}

# Every package, target and feature, for every processor that it is built for. The
# profiles and directories are those of the builds: what these have made serves here.
lint_rust() {
  local deny=(-- --deny warnings)
  step "linting the Rust code of the server, the tests and the benchmarks"
  cargo clippy --release --workspace --exclude frontend --all-targets "${deny[@]}"
  cargo clippy --release --package hashpass --all-targets --features model-check "${deny[@]}"
  step "linting the Rust code of the browser"
  cargo clippy --profile wasm-release --target $wasm --target-dir target/front \
    --package app --package frontend --package miner --package bench-browser --package stamps-browser \
    --features app/hydrate "${deny[@]}"
  RUSTFLAGS=-Ctarget-feature=+simd128,+bulk-memory \
    cargo clippy --profile miner --target $wasm --target-dir target/miner --package miner "${deny[@]}"
}

# Also of what is private: it is written to be read here.
lint_documentation() {
  step "checking the documentation"
  local documents=(--no-deps --document-private-items)
  RUSTDOCFLAGS='--deny warnings' cargo doc --release --workspace --exclude frontend "${documents[@]}"
  RUSTDOCFLAGS='--deny warnings' cargo doc --profile wasm-release --target $wasm --target-dir target/front \
    --package app --package frontend --package bench-browser --package stamps-browser \
    --features app/hydrate "${documents[@]}"
}
