# shellcheck shell=bash
# The tools that building, testing and measuring need: each is used where it is found,
# brought where it is not, and asked for in one sentence where it cannot be brought.

tools=${HASHPASS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/hashpass}
cargo_leptos_version=0.3.11
cargo_machete_version=0.9.2
oldest_rustc=96 # 1.96: cargo-leptos asks for it
export PATH="$tools/bin:$PWD/end2end/node_modules/.bin:$PATH"
export RUSTUP_AUTO_INSTALL=0

# Runs apt-get where this user may; fails silently elsewhere.
apt_install() {
  have apt-get || return 1
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    have sudo && sudo -n true 2>/dev/null || return 1
    sudo=(sudo -n)
  fi
  step "installing with apt-get: $*"
  {
    "${sudo[@]}" apt-get update -q
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -q -y --no-install-recommends "$@"
  } >"$tools/apt.log" 2>&1
}

# True if `rustc` is new enough and has a usable standard library for wasm.
# Compiling a line is the only honest test: a library left by another compiler
# version is there, yet cannot be used.
toolchain_ready() {
  have cargo && have rustc || return 1
  local minor
  minor=$(rustc --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
  [ -n "$minor" ] && [ "$oldest_rustc" -le "$minor" ] || return 1
  printf 'pub fn probe() -> usize { String::from("wasm").len() }' |
    rustc --target $wasm --crate-type lib --crate-name probe --emit metadata -o "$tools/probe.rmeta" - >/dev/null 2>&1
}

# Debian's compiler, with a wasm standard library built from Debian's sources:
# works where no toolchain can be downloaded.
debian_toolchain() {
  [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo-clippy ] && [ -e /usr/bin/lld-22 ] &&
    [ -d /usr/lib/rustlib/src/rust ] ||
    apt_install rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy rustfmt-web lld-22 gcc libc6-dev ||
    return 1
  mkdir -p "$tools/bin"
  local tool
  for tool in cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver; do
    ln -sf "/usr/bin/$tool" "$tools/bin/$tool"
  done
  hash -r
  toolchain_ready && return 0

  step "building the standard library for $wasm (about a minute)"
  local work=$tools/std-build lib
  lib=$(rustc --print sysroot)/lib/rustlib/$wasm/lib
  rm -rf "$work" && mkdir -p "$work/src"
  printf '[package]\nname = "throwaway"\nversion = "0.0.0"\nedition = "2021"\n' >"$work/Cargo.toml"
  printf '' >"$work/src/lib.rs"
  # Without the bitcode a later fat LTO fails.
  (cd "$work" && RUSTFLAGS=-Cembed-bitcode=yes RUSTC_BOOTSTRAP=1 \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=lld-22 CARGO_TARGET_DIR="$work/target" \
    cargo build --release --target $wasm -Zbuild-std=std,panic_abort) >"$tools/std.log" 2>&1 || return 1
  rm -f "$work/target/$wasm/release/deps/"libthrowaway-*
  rm -rf "$lib" 2>/dev/null
  mkdir -p "$lib" && cp "$work/target/$wasm/release/deps/"*.rlib "$lib/" || return 1
  rm -rf "$work"
  # Artefacts of the old standard library look fresh to cargo, and are not.
  rm -rf target
  toolchain_ready
}

ensure_toolchain() {
  mkdir -p "$tools"
  toolchain_ready && return 0
  if have rustup; then
    step "asking rustup for Rust 1.$oldest_rustc with the wasm target"
    local version=1.$oldest_rustc.0
    if timeout 900 rustup toolchain install $version --profile minimal \
      --component clippy --component rustfmt --target $wasm >"$tools/rustup.log" 2>&1; then
      mkdir -p "$tools/bin"
      local tool
      for tool in cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver; do
        ln -sf "$(rustup which --toolchain $version "$tool")" "$tools/bin/$tool"
      done
      hash -r
      toolchain_ready && return 0
    fi
    # A failed attempt leaves a half-made toolchain directory behind.
    rustup toolchain uninstall $version >/dev/null 2>&1 || true
  fi
  debian_toolchain || die "no Rust ≥ 1.$oldest_rustc with the target $wasm, and neither rustup nor apt-get could bring one (logs: $tools/*.log)."
}

# The name of this machine's own target.
host() { rustc -vV | sed -n 's/^host: //p'; }

# cargo_tool NAME VERSION CRATE [cargo install arguments]
cargo_tool() {
  local name=$1 version=$2 crate=$3
  shift 3
  [ -x "$tools/bin/$name" ] && [ "$(cat "$tools/$name.version" 2>/dev/null)" = "$version" ] && return 0
  step "building $crate $version (once per machine, some minutes)"
  local build=$tools/build-$name
  # A locked dependency may have left the registry; then a fresh resolution serves.
  local locked ok=
  for locked in --locked ''; do
    if CARGO_TARGET_DIR=$build cargo install --root "$tools" --force --version "$version" $locked "$crate" "$@" \
      >"$tools/$name.log" 2>&1; then
      ok=1
      break
    fi
  done
  [ -n "$ok" ] || die "$crate $version could not be built: see $tools/$name.log."
  rm -rf "$build"
  printf '%s' "$version" >"$tools/$name.version"
}

ensure_wasm_bindgen() {
  local version
  version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock)
  [ -n "$version" ] || die "Cargo.lock names no wasm-bindgen version."
  # A debug build takes half the time to make, and seconds to run.
  CARGO_PROFILE_DEV_DEBUG=0 cargo_tool wasm-bindgen "$version" wasm-bindgen-cli --debug --bin wasm-bindgen
}

# Only `./x watch` needs it: ten minutes are too long for anybody who does not.
ensure_cargo_leptos() {
  CARGO_PROFILE_DEV_DEBUG=0 \
    cargo_tool cargo-leptos $cargo_leptos_version cargo-leptos --debug --features no_downloads
}

ensure_cargo_machete() {
  CARGO_PROFILE_DEV_DEBUG=0 cargo_tool cargo-machete $cargo_machete_version cargo-machete --debug
}

ensure_cxx() {
  have c++ || apt_install g++ || die "a C++ compiler is missing, which libFuzzer is built with: please install one."
}

ensure_shellcheck() {
  have shellcheck || apt_install shellcheck || die "shellcheck is missing: please install it."
}

ensure_node() {
  if ! have node || ! have npm; then
    apt_install nodejs npm || die "Node.js (18 or newer) with npm is missing: please install it."
  fi
  local lock=end2end/package-lock.json stamp=end2end/node_modules/.installed
  cmp -s "$lock" "$stamp" && return 0
  step "installing the Node packages of end2end/"
  (cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-fund --no-audit) >"$tools/npm.log" 2>&1 ||
    die "npm ci failed: see $tools/npm.log."
  cp "$lock" "$stamp"
}

# Python with the official library of Standard Webhooks, which the tests ask whether our
# signatures are good. It comes with the Node packages for JavaScript.
ensure_webhook_library() {
  local python=target/webhooks/python
  if [ -x $python/bin/python ]; then return 0; fi
  step "installing the library of Standard Webhooks for Python"
  { have python3 || apt_install python3 python3-venv || true
    python3 -m venv $python && $python/bin/python -m pip install --quiet standardwebhooks==1.0.1
  } >"$tools/webhooks.log" 2>&1 || {
    rm -rf $python
    die "Python 3 or its package standardwebhooks cannot be had (see $tools/webhooks.log)."
  }
}

# Leaves the browser's path in $CHROMIUM for the tests; empty means Playwright's own.
ensure_chromium() {
  if [ -n "${CHROMIUM:-}" ]; then return 0; fi
  local name
  for name in chromium chromium-browser google-chrome; do
    if have $name; then
      CHROMIUM=$(command -v $name)
      export CHROMIUM
      return 0
    fi
  done
  if apt_install chromium; then
    export CHROMIUM=/usr/bin/chromium
  elif (cd end2end && npx playwright install chromium) >"$tools/chromium.log" 2>&1; then
    export CHROMIUM=
  else
    die "Chromium is missing: please install it, or set CHROMIUM to its path."
  fi
}

setup_build() {
  ensure_toolchain
  ensure_node
  ensure_wasm_bindgen
}
