# shellcheck shell=bash
# The page's code, style and pictures: from `app`, `style` and `public` to target/site.
#
# The same steps and the same libraries as those of `cargo leptos build --release`: that
# tool alone takes as long to build as the page and the server together.

page=target/page
page_wasm=target/front/$wasm/wasm-release/frontend.wasm

# Compiles the page's code in the background: that needs no tool but the compiler.
begin_page() {
  ensure_toolchain
  ensure_node
  step "building the page in the background"
  mkdir -p $page
  cargo build --package frontend --lib --profile wasm-release --target $wasm --target-dir target/front \
    >$page/cargo.log 2>&1 &
  page_build=$!
  trap 'kill $page_build 2>/dev/null || true' EXIT
}

# Waits for the code, makes the files of it and puts them into target/site.
finish_page() {
  step "finishing the page"
  if ! wait "$page_build"; then
    cat $page/cargo.log >&2
    die "the page does not compile, see above."
  fi
  trap - EXIT
  mkdir -p $page/site/pkg
  local small=$page/site/pkg/hashpass.wasm
  if ! [ $small -nt $page_wasm ] || ! [ $small -nt end2end/package-lock.json ]; then
    wasm-bindgen --target web --no-typescript --out-name hashpass --out-dir $page $page_wasm
    node end2end/shrink.js $page/hashpass.js $page/site/pkg/hashpass.js
    wasm-opt --strip-producers --strip-target-features --flatten --rereloop -Oz -Oz --one-caller-inline-max-function-size 30 \
      --enable-bulk-memory --enable-nontrapping-float-to-int \
      $page/hashpass_bg.wasm -o $small
  fi
  node end2end/shrink.js style/main.css $page/site/pkg/hashpass.css
  find $page/site -mindepth 1 -maxdepth 1 ! -name pkg -exec rm -r {} +
  cp -R public/. $page/site/
  update_directory $page/site target/site
}

# Makes the directory $2 equal to $1. What is equal already is not touched: the server
# is built anew when the site is newer.
update_directory() {
  local file
  mkdir -p "$2"
  while IFS= read -r file; do
    cmp -s "$1/$file" "$2/$file" && continue
    mkdir -p "$(dirname "$2/$file")"
    cp "$1/$file" "$2/$file"
  done < <(cd "$1" && find . -type f)
  while IFS= read -r file; do
    [ -e "$1/$file" ] || rm "$2/$file"
  done < <(cd "$2" && find . -type f)
}
