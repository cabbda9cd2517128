//! Builds the browser's miner and embeds it in the server, so that the operator
//! copies one file.
//!
//! `app/miner` is compiled to WebAssembly twice, with SIMD for the browsers that
//! have it and without for the others, bound to JavaScript by `wasm-bindgen` and
//! made smaller by `wasm-opt`. The results lie under
//! `/worker/<hash of all their content>/{simd,scalar}/`, so that browsers may keep
//! them for ever. What the server gets to know:
//!
//! - `HASHPASS_MINER_SIMD` and `HASHPASS_MINER_SCALAR`: the paths of the two loaders;
//! - `memory_serve::load!("worker")`: the files;
//! - `memory_serve::load!("manual")`: the pages that [`manual`] makes of `app/docs`;
//! - with `HASHPASS_EMBED_SITE=1` in the environment also the cfg `embed_site` and
//!   `memory_serve::load!("site")`: what `./x build` put into `target/site`.
//!
//! The nested cargo has a target directory of its own: the outer one holds the lock of
//! the ordinary one. It never downloads tools; `./x setup` does.

#![allow(clippy::print_stdout, reason = "printing is how a build script speaks")]

#[path = "build/manual.rs"]
mod manual;

use sha2::{Digest, Sha256};
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
};

/// Where the server finds the worker's files.
const ROUTE: &str = "worker";

/// What starts the miner in a worker.
const LOADER: &str = "start.js";

const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// One way to compile the miner.
struct Variant {
    /// Its directory.
    name: &'static str,
    /// Arguments for rustc.
    rustflags: &'static str,
    /// How the server gets to know the loader's path.
    variable: &'static str,
}

const VARIANTS: [Variant; 2] = [
    Variant { name: "simd", rustflags: "-Ctarget-feature=+simd128,+bulk-memory", variable: "HASHPASS_MINER_SIMD" },
    Variant { name: "scalar", rustflags: "", variable: "HASHPASS_MINER_SCALAR" },
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={problem}");
            ExitCode::FAILURE
        }
    }
}

/// All of it. An error is one sentence for the person at the terminal.
fn run() -> Result<(), String> {
    let workspace = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let embed_site = env::var("HASHPASS_EMBED_SITE").is_ok_and(|value| value == "1");
    let site = embed_site.then(|| workspace.join("target/site"));
    name_inputs(site.as_deref());

    let built = empty_directory(&out.join("built"))?;
    build_variants(&workspace, &target_directory(&out), &built)?;

    let assets = empty_directory(&out.join("assets"))?;
    let hash = content_hash(&built)?;
    let home = empty_directory(&assets.join(ROUTE))?.join(&hash);
    fs::rename(&built, &home).map_err(|error| format!("{} cannot be made: {error}.", home.display()))?;
    for Variant { name, variable, .. } in VARIANTS {
        println!("cargo::rustc-env={variable}=/{ROUTE}/{hash}/{name}/{LOADER}");
    }

    let manual = empty_directory(&out.join("manual"))?;
    write_manual(&workspace, &manual)?;

    embed(&out, &assets, &manual, site.as_deref())
}

/// Tells cargo when this must run again.
fn name_inputs(site: Option<&Path>) {
    for path in ["app/miner", "app/puzzle", "app/docs", "style/docs.css", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=HASHPASS_EMBED_SITE");
    println!("cargo::rustc-check-cfg=cfg(embed_site)");
    if let Some(site) = site {
        println!("cargo::rerun-if-changed={}", site.display());
        println!("cargo::rustc-cfg=embed_site");
    }
}

/// Builds every variant into a directory of its name in `built`: compiled one after the
/// other in one target directory, as most of what they depend on runs while compiling
/// and is the same for both; then made smaller side by side.
fn build_variants(workspace: &Path, target: &Path, built: &Path) -> Result<(), String> {
    for Variant { name, rustflags, .. } in VARIANTS {
        let directory = built.join(name);
        bind(&compile(workspace, &target.join("miner"), rustflags)?, &directory)?;
        fs::copy(workspace.join("app/miner").join(LOADER), directory.join(LOADER))
            .map_err(|error| format!("app/miner/{LOADER} cannot be copied: {error}."))?;
    }
    if !found("wasm-opt") {
        println!("cargo::warning=wasm-opt is not on PATH: the browser's miner is larger than need be (./x setup)");
        return Ok(());
    }
    thread::scope(|scope| {
        let shrinking = VARIANTS.map(|variant| {
            let wasm = built.join(variant.name).join("miner_bg.wasm");
            scope.spawn(move || shrink(&wasm))
        });
        shrinking
            .into_iter()
            .try_for_each(|one| one.join().unwrap_or_else(|_| Err("wasm-opt's thread panicked.".into())))
    })
}

/// Compiles the miner and returns where the result lies.
fn compile(workspace: &Path, target: &Path, rustflags: &str) -> Result<PathBuf, String> {
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(belongs_to_outer_build) {
            cargo.env_remove(name);
        }
    }
    cargo
        .current_dir(workspace)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags)
        .args(["build", "--locked", "--package", "miner", "--bin", "miner", "--profile", "miner"])
        .args(["--target", WASM_TARGET, "--target-dir"])
        .arg(target);
    run_tool(cargo).map_err(|output| {
        if output.contains("can't find crate for `core`") || output.contains("can't find crate for `std`") {
            format!("the Rust target {WASM_TARGET} is missing: run ./x setup.")
        } else {
            eprintln!("{output}");
            "the browser's miner does not compile, see above.".into()
        }
    })?;
    Ok(target.join(WASM_TARGET).join("miner/miner.wasm"))
}

/// True for variables by which the outer cargo would change what the inner one
/// builds; its `RUSTC`, its configuration and its job slots are right for both.
fn belongs_to_outer_build(variable: &str) -> bool {
    let kept = [
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_TARGET_WASM32_",
        "CARGO_TERM_",
    ];
    let wrappers = ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS"];
    wrappers.contains(&variable)
        || variable.starts_with("CARGO_") && !kept.iter().any(|kept| variable.starts_with(kept))
}

/// Writes the JavaScript module and its WebAssembly into `directory`.
fn bind(wasm: &Path, directory: &Path) -> Result<(), String> {
    let mut bindgen = Command::new("wasm-bindgen");
    bindgen.args(["--target", "web", "--no-typescript", "--out-name", "miner", "--out-dir"]).arg(directory).arg(wasm);
    run_tool(bindgen).map_err(|output| {
        eprintln!("{output}");
        "wasm-bindgen is missing or not of the version in Cargo.lock: run ./x setup.".into()
    })
}

/// Optimizes a WebAssembly file in place. Which features it may use it reads from
/// the file itself.
fn shrink(wasm: &Path) -> Result<(), String> {
    let mut optimizer = Command::new("wasm-opt");
    optimizer.arg("-O3").arg(wasm).arg("-o").arg(wasm);
    run_tool(optimizer).map_err(|output| {
        eprintln!("{output}");
        "wasm-opt failed, see above: is it that of end2end/package.json (./x setup)?".into()
    })
}

/// Writes the pages of the manual, and their style, where their addresses say.
fn write_manual(workspace: &Path, directory: &Path) -> Result<(), String> {
    let documents = manual::read(&workspace.join("app/docs"))?;
    let write = |path: PathBuf, content: &[u8]| {
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, content))
            .map_err(|error| format!("{} cannot be written: {error}.", path.display()))
    };
    for manual::Page { address, html } in manual::pages(&documents)? {
        write(directory.join(format!("{}.html", address.trim_start_matches('/'))), html.as_bytes())?;
    }
    let style = workspace.join("style/docs.css");
    let style = fs::read(&style).map_err(|error| format!("{} cannot be read: {error}.", style.display()))?;
    write(directory.join("docs/docs.css"), &style)
}

/// Writes the module that `memory_serve::load!` includes. The crate's own
/// functions for that have cargo watch what was only just written, and so build
/// everything anew each time.
fn embed(out: &Path, assets: &Path, manual: &Path, site: Option<&Path>) -> Result<(), String> {
    let embedded = empty_directory(&out.join("embedded"))?;
    let table = |name: &str, directory: &Path| {
        let code = memory_serve::assets_to_code(name, directory, &embedded, true, |_| {});
        format!("({name:?}, {code}),")
    };
    let mut tables = table(ROUTE, assets) + &table("manual", manual);
    if let Some(site) = site {
        if !site.is_dir() {
            return Err("HASHPASS_EMBED_SITE=1 but there is no target/site: run ./x build.".into());
        }
        tables += &table("site", site);
    }
    fs::write(out.join("memory_serve_assets.rs"), format!("&[{tables}]"))
        .map_err(|error| format!("the list of assets cannot be written: {error}."))
}

/// 16 hex digits that change when any file in `directory` does.
fn content_hash(directory: &Path) -> Result<String, String> {
    let mut hasher = Sha256::new();
    for file in files(directory).map_err(|error| format!("{} cannot be read: {error}.", directory.display()))? {
        let content = fs::read(&file).map_err(|error| format!("{} cannot be read: {error}.", file.display()))?;
        let name = file.strip_prefix(directory).unwrap_or(&file).to_string_lossy();
        hasher.update(format!("{name} {}\n", content.len()));
        hasher.update(content);
    }
    Ok(hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// All files below `directory`, in order.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The outer cargo's target directory: the one it has tagged as a cache.
fn target_directory(out: &Path) -> PathBuf {
    out.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file()).unwrap_or(out).to_owned()
}

/// Makes sure of an empty directory: nothing of an earlier build stays.
fn empty_directory(path: &Path) -> Result<PathBuf, String> {
    let removed = match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    };
    removed
        .and_then(|()| fs::create_dir_all(path))
        .map(|()| path.to_owned())
        .map_err(|error| format!("{} cannot be made anew: {error}.", path.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set: this program is run by cargo."))
}

fn found(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs a tool without a word; if it fails, what it said is the error.
fn run_tool(mut command: Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("{}: {error}", command.get_program().to_string_lossy())),
    }
}
