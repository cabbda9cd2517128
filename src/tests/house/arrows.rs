//! The rooms of the server know only those below them (`.github/CONTRIBUTING.md` says
//! why), and only the edge knows of HTTP. Read off the `use` lines and the paths in the
//! code, so that an arrow that runs up fails a test and not a review.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The rooms, from the top down. A room may import those of later lines, and itself;
/// rooms of one line know nothing of one another.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["command_line"],
    &["server"],
    &["config"],
    &["connections", "edge", "admin"],
    &["live"],
    &["lobby"],
    &["prize", "log"],
    &["race"],
    &["gate"],
    &["identity"],
    &["ledger"],
    &["https_client"],
    &["clock", "lock", "logging", "captured_log", "fault"],
];

/// Only the edge of the house knows of HTTP: these rooms may import such crates.
const ROOMS_WITH_HTTP: &[&str] = &["edge", "admin", "connections", "server"];
const HTTP_CRATES: &[&str] = &[
    "axum",
    "http",
    "http_body",
    "http_body_util",
    "hyper",
    "hyper_util",
    "leptos",
    "leptos_axum",
    "tower",
    "tower_http",
];

/// Settings are made by `config` and handed down: nobody else reads it.
const READERS_OF_CONFIG: &[&str] = &["main", "server", "config"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file of the server with its path below `src`; not the crates, tests and fuzz
/// targets that stand in the same folder.
fn files() -> Vec<(PathBuf, String)> {
    fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let (root, mut found) = (source(), Vec::new());
    gather(&root, &mut found);
    let apart = ["tests", "bench", "fuzz", "neoirc-cli"];
    let mut files: Vec<_> = found
        .into_iter()
        .filter_map(|path| {
            let below = path.strip_prefix(&root).unwrap().to_owned();
            let first = below.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
            let counts = !apart.contains(&first.as_str()) && !["lib.rs", "build.rs"].contains(&first.as_str());
            counts.then(|| (below, std::fs::read_to_string(&path).unwrap()))
        })
        .collect();
    files.sort();
    assert!(100 < files.len(), "the server has more files than {}", files.len());
    files
}

/// `edge` of `edge/routes/wins.rs`.
fn room(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// `edge`, `routes`, `wins` of `edge/routes/wins.rs`.
fn module_steps(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    path.components().map(|step| step.as_os_str().to_str().unwrap().to_owned()).collect()
}

/// The code without comments and string literals, which may name what they like.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.split("//").next().unwrap_or_default();
        let parts = line.split('"').enumerate();
        parts.filter(|(place, _)| place % 2 == 0).map(|(_, part)| part).collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path that a use tree names: `a::{b, c::{d, e}}` is `a::b`, `a::c::d`, `a::c::e`.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        return if tree.is_empty() { Vec::new() } else { vec![tree.split_whitespace().next().unwrap().to_owned()] };
    };
    let (prefix, inside) = (tree[..open].trim(), &tree[open + 1..tree.rfind('}').unwrap()]);
    let (mut depth, mut start, mut branches) = (0_usize, 0, Vec::new());
    for (place, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&inside[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    branches.push(&inside[start..]);
    branches.into_iter().flat_map(paths).map(|path| format!("{prefix}{path}")).collect()
}

/// What a file names: the paths of its `use` lines, and those in its code that begin
/// with `crate::` or with a crate that is asked for.
fn names(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut found = BTreeSet::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find("use ") {
        let begins = rest[..at].chars().next_back().is_none_or(|before| before.is_whitespace());
        rest = &rest[at + 4..];
        if let Some(end) = rest.find(';').filter(|_| begins) {
            found.extend(paths(&rest[..end]));
            rest = &rest[end..];
        }
    }
    for start in ["crate"].iter().chain(HTTP_CRATES) {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = code[..at].chars().next_back();
            if before.is_none_or(|before| !before.is_alphanumeric() && before != '_' && before != ':') {
                let path: String =
                    code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
                if !path.ends_with(':') {
                    found.insert(path);
                }
            }
        }
    }
    found
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&room))
        .unwrap_or_else(|| panic!("the room {room} stands in no list: put it where it belongs"))
}

/// The room that a path leads to, if it is one of ours.
fn target(path: &str) -> Option<&str> {
    let mut steps = path.split("::");
    match steps.next()? {
        "crate" | "hashpass" => steps.next(),
        _ => None,
    }
}

/// Is a test or reads only in tests: those may look anywhere.
fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    stem == "tests" || stem == "model" || path.components().any(|part| part.as_os_str() == "tests")
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |at| &text[..at])
}

#[test]
fn arrows_run_down() {
    let mut up = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| !is_test(path)) {
        let from = room(path);
        for name in names(without_tests(text)) {
            let Some(to) = target(&name).filter(|to| *to != from) else { continue };
            if to == "config" && !READERS_OF_CONFIG.contains(&from.as_str()) {
                up.push(format!("{}: {name} (only main and server read config)", path.display()));
            } else if floor(to) <= floor(&from) {
                up.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(up.is_empty(), "arrows that run up:\n{}", up.join("\n"));
}

#[test]
fn only_the_edge_knows_of_http() {
    let mut found = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| !is_test(path)) {
        if ROOMS_WITH_HTTP.contains(&room(path).as_str()) {
            continue;
        }
        for name in names(without_tests(text)) {
            let first = name.split("::").next().unwrap();
            if HTTP_CRATES.contains(&first) || name.starts_with("app::ApiError") || name.starts_with("app::ErrorCode") {
                found.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "HTTP outside the edge:\n{}", found.join("\n"));
}

/// A room's files in a circle cannot be understood one by one. Parents that declare a
/// file and the file's own look at its parent are left out: that is nesting.
#[test]
fn no_files_import_one_another_in_a_circle() {
    let files = files();
    let modules: BTreeMap<String, PathBuf> =
        files.iter().map(|(path, _)| (module_steps(path).join("::"), path.clone())).collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| !is_test(path)) {
        let own = module_steps(path);
        for name in names(without_tests(text)) {
            let mut steps: Vec<String> = name.split("::").map(str::to_owned).collect();
            match steps[0].as_str() {
                "crate" => drop(steps.remove(0)),
                "super" => {
                    let ups = steps.iter().take_while(|step| *step == "super").count();
                    steps = [own[..own.len().saturating_sub(ups)].to_vec(), steps[ups..].to_vec()].concat();
                }
                _ => steps = [own.clone(), steps].concat(),
            }
            let module = (1..=steps.len()).rev().map(|length| steps[..length].join("::"));
            let Some(module) = module.clone().find(|module| modules.contains_key(module)) else { continue };
            let me = own.join("::");
            if module != me {
                arrows.entry(me).or_default().insert(module);
            }
        }
    }
    let reach = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = next.pop() {
            for to in arrows.get(&module).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    let circles: Vec<&String> = arrows.keys().filter(|module| reach(module).contains(*module)).collect();
    assert!(circles.is_empty(), "these files import one another in a circle: {circles:?}");
}

#[test]
fn use_trees_are_read_whole() {
    assert_eq!(paths("a::{b, c::{d, e as f}}"), ["a::b", "a::c::d", "a::c::e"]);
    assert_eq!(paths("a::b"), ["a::b"]);
    let text = "use crate::{\n    edge::x,\n    live,\n};\n// use crate::no::one\nfn f() { crate::lobby::g(\"crate::server\") }\n";
    let found: Vec<_> = names(text).into_iter().collect();
    assert_eq!(found, ["crate::edge::x", "crate::live", "crate::lobby::g"]);
}
