//! What the documents promise: every test, variable, route, code and file that they
//! name is there, and what is there is told of.

#[path = "../../build/manual.rs"]
#[allow(dead_code, reason = "the build uses the rest")]
mod manual;

use app::{ErrorCode, wire::Puzzle};
use hashpass::{
    config::{DefaultValue, VARIABLES},
    lobby::numeric,
};
use pulldown_cmark::{Event, Options, Parser, Tag};
use puzzle::{
    Challenge, Cost, Nonce, PuzzleHasher,
    invite_code::{CodeSecret, InviteCode},
    stamp::StampHash,
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The heading of a column that names tests.
const COLUMN: &str = "Tested by";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(directory: PathBuf, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(path, extension, found);
        } else if path.extension().is_some_and(|its| its == extension) {
            found.push(path);
        }
    }
}

/// The names of all tests: functions in Rust, titles in Playwright.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut rust, mut playwright) = (Vec::new(), Vec::new());
    for directory in ["src", "app"] {
        files(root().join(directory), "rs", &mut rust);
    }
    files(root().join("end2end/tests"), "ts", &mut playwright);
    for path in rust {
        let text = read(path);
        // These are made into tests, one for each store.
        let for_stores = text.split("for_every_store!(").skip(1).filter_map(|rest| rest.split(");").next());
        names.extend(for_stores.flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()));
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let name =
                line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ").and_then(|rest| rest.split_once('('));
            if let Some((name, _)) = name
                && std::mem::take(&mut is_test)
            {
                names.insert(name.to_owned());
            }
        }
    }
    for path in playwright {
        for line in read(path).lines().map(str::trim) {
            let title = line.strip_prefix("test(\"").and_then(|rest| rest.split_once('"'));
            names.extend(title.map(|(title, _)| title.to_owned()));
        }
    }
    names
}

/// The rows of all tables of a document whose last column names tests: first cell, tests.
fn rows(document: &str) -> Vec<(String, Vec<String>)> {
    rows_of(&read(document))
}

fn rows_of(text: &str) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    let mut names_tests = false;
    for line in text.lines() {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            names_tests = false;
            continue;
        };
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        let (first, last) = (cells[0], cells[cells.len() - 1]);
        if last == COLUMN {
            names_tests = true;
        } else if names_tests && !first.starts_with('-') && !last.starts_with('-') {
            let tests = last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            rows.push((first.to_owned(), tests));
        }
    }
    rows
}

#[test]
fn every_test_that_the_documents_name_is_there() {
    let tests = tests();
    assert!(tests.contains("every_test_that_the_documents_name_is_there"));
    let mut missing = Vec::new();
    for document in ["src/tests/README.md", "app/docs/security.md"] {
        for (row, names) in rows(document) {
            missing.extend(names.into_iter().filter(|name| !tests.contains(name)).map(|name| format!("{row}: {name}")));
        }
    }
    assert!(missing.is_empty(), "there is no such test:\n{}", missing.join("\n"));
}

#[test]
fn every_feature_has_a_test() {
    let rows = rows("src/tests/README.md");
    for (row, tests) in &rows {
        assert!(!tests.is_empty(), "{row} names no test");
    }
    let features = [("R", 11), ("G", 9), ("L", 5), ("A", 6), ("P", 7)];
    for (letter, count) in features {
        for number in 1..=count {
            let name = format!("{letter}{number}");
            assert!(rows.iter().any(|(row, tests)| *row == name && !tests.is_empty()), "{name} names no test");
        }
    }
}

/// The numbers of a cell such as `C1 – C3, C6`.
fn numbers(cell: &str) -> Vec<String> {
    let number = |name: &str| name.get(1..).and_then(|digits| digits.parse::<u32>().ok());
    let mut all = Vec::new();
    for part in cell.split(',').map(str::trim) {
        let (first, last) = part.split_once(" – ").unwrap_or((part, part));
        let (Some(from), Some(to)) = (number(first), number(last)) else { continue };
        all.extend((from..=to).map(|number| format!("{}{number}", &first[..1])));
    }
    all
}

#[test]
fn every_row_of_the_lobby_has_a_test() {
    let promises = read("src/tests/README.md");
    let section = promises.split_once("\n### The lobby\n").expect("a table of the lobby").1;
    let section = section.split("\n## ").next().unwrap();
    let tested: BTreeSet<String> = rows_of(section)
        .into_iter()
        .filter(|(_, tests)| !tests.is_empty())
        .flat_map(|(row, _)| numbers(&row))
        .collect();
    for (letter, count) in [("A", 9), ("B", 8), ("C", 6)] {
        for number in 1..=count {
            assert!(tested.contains(&format!("{letter}{number}")), "{letter}{number} names no test");
        }
    }
}

#[test]
fn every_pitfall_has_a_test_or_a_reason() {
    for (row, tests) in rows("app/docs/security.md") {
        assert!(!tests.is_empty(), "no test is named for: {row}");
    }
}

/// All Markdown files that belong to the product.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    for directory in [".github", "app", "end2end", "public", "src", "style"] {
        files(root().join(directory), "md", &mut found);
    }
    found.retain(|path| !path.components().any(|part| part.as_os_str() == "node_modules"));
    found
}

fn name(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(root()).unwrap_or(path).display()
}

/// Whether a link of a document leads to a file, and to a heading in it.
fn leads_somewhere(document: &Path, link: &str) -> bool {
    if link.starts_with("https://") || link.starts_with("http://") {
        return true;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { document.to_owned() } else { document.parent().unwrap().join(file) };
    let Some(anchor) = anchor else { return target.exists() };
    let is_markdown = target.extension().is_some_and(|extension| extension == "md");
    is_markdown && target.exists() && manual::headings(&read(&target)).iter().any(|heading| heading.id == anchor)
}

#[test]
fn every_link_in_every_document_leads_somewhere() {
    let (mut links, mut broken) = (0, Vec::new());
    for document in documents() {
        let text = read(&document);
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
                links += 1;
                if !leads_somewhere(&document, &dest_url) {
                    broken.push(format!("{}: {dest_url}", name(&document)));
                }
            }
        }
    }
    assert!(50 < links, "{links}");
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
    assert!(!leads_somewhere(&root().join("README.md"), "app/docs/security.md#nothing"));
    assert!(!leads_somewhere(&root().join("README.md"), "NOTHING.md"));
}

/// The part of a document below a heading, up to the next of its level.
fn section(document: &str, heading: &str) -> String {
    let text = read(document);
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{document}: {heading}"));
    let level = heading.split(' ').next().unwrap();
    rest.split(&format!("\n{level} ")).next().unwrap().to_owned()
}

/// The cells of all tables in a text, without those of headings.
fn cells(text: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines().peekable();
    let mut rows = Vec::new();
    while let Some(line) = lines.next() {
        let is_heading = lines.peek().is_some_and(|next| next.starts_with("|---"));
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else { continue };
        if !is_heading && !line.starts_with("|---") {
            rows.push(cells.split('|').map(|cell| cell.trim().to_owned()).collect());
        }
    }
    rows
}

fn code_spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_map_of_the_tree_is_true() {
    let rows = cells(&section("README.md", "## The tree"));
    assert!(10 < rows.len(), "{rows:?}");
    for path in rows.iter().flat_map(|row| code_spans(&row[0])) {
        assert!(root().join(path).exists(), "there is no {path}");
    }
}

#[test]
fn every_setting_is_listed_as_the_program_knows_it() {
    let listed = section("app/docs/operating.md", "## All settings");
    let mut expected = String::new();
    for variable in VARIABLES {
        let default = match variable.default {
            DefaultValue::Text(text) if !text.is_empty() => format!("`{text}`"),
            DefaultValue::Computed(words) => words.to_owned(),
            DefaultValue::Text(_) | DefaultValue::Nothing => String::new(),
        };
        expected += &format!("| `{}` | {default} | {} |\n", variable.name, variable.purpose);
    }
    let table: String = listed.lines().filter(|line| line.starts_with("| `")).map(|line| format!("{line}\n")).collect();
    assert!(table == expected, "app/docs/operating.md should have this table:\n{expected}");
}

/// Variables of the build, of the benches and of the tests.
const OTHER_VARIABLES: &[&str] = &["HASHPASS_TEST_CRASHES", "HASHPASS_TOOLS"];

#[test]
fn no_document_names_a_variable_that_is_not_there() {
    let mut unknown = Vec::new();
    for document in documents() {
        let text = read(&document);
        let words = text.split(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
        let ours = ["HASHPASS_", "NEOIRC_", "TURNSTILE_", "WEBHOOK_"];
        for word in words.filter(|word| ours.iter().any(|prefix| word.starts_with(prefix))) {
            let known = VARIABLES.iter().any(|variable| variable.name == word) || OTHER_VARIABLES.contains(&word);
            if !known {
                unknown.push(format!("{}: {word}", name(&document)));
            }
        }
    }
    assert!(unknown.is_empty(), "there are no such variables:\n{}", unknown.join("\n"));
}

/// What a client can read of the protocol.
fn protocol() -> String {
    read("app/docs/protocol.md") + &read("app/docs/lobby.md")
}

#[test]
fn every_route_is_told_of() {
    let mut sources = Vec::new();
    files(root().join("src/edge"), "rs", &mut sources);
    let protocol = protocol();
    let mut routes = 0;
    for source in sources {
        for route in read(&source).split(".route(\"").skip(1) {
            let (path, rest) = route.split_once('"').unwrap();
            let handlers = rest.split('\n').next().unwrap();
            for (method, handler) in [("GET", "get("), ("POST", "post(")] {
                if handlers.contains(handler) {
                    routes += 1;
                    assert!(protocol.contains(&format!("`{method} {path}")), "{method} {path} is not told of");
                }
            }
        }
    }
    assert!(20 <= routes, "{routes}");
}

#[test]
fn every_error_code_is_told_of_with_its_status() {
    let told = cells(&section("app/docs/protocol.md", "## Errors"));
    for row in &told {
        let code: ErrorCode = serde_json::from_value(row[0].trim_matches('`').into()).unwrap();
        assert_eq!(row[1], code.status().to_string(), "{}", row[0]);
    }
    let mut sources = Vec::new();
    files(root().join("app/src"), "rs", &mut sources);
    let sources: String = sources.iter().map(read).collect();
    let (_, variants) = sources.split_once("pub enum ErrorCode {").unwrap();
    let variants = variants.split('}').next().unwrap().lines().map(str::trim);
    let variants: Vec<&str> =
        variants.filter_map(|line| line.strip_suffix(',')).filter(|line| !line.starts_with("//")).collect();
    assert!(30 < variants.len(), "{variants:?}");
    let protocol = protocol();
    for variant in variants {
        let humps = variant.char_indices().map(|(at, c)| match c {
            'A'..='Z' if at != 0 => format!("_{}", c.to_ascii_lowercase()),
            _ => c.to_ascii_lowercase().to_string(),
        });
        let code: String = humps.collect();
        assert!(protocol.contains(&format!("`{code}`")), "{code} is not told of");
    }
}

#[test]
fn every_message_and_numeric_is_told_of() {
    let protocol = protocol();
    let mut sources = vec![root().join("app/src/wire.rs")];
    files(root().join("app/src/wire"), "rs", &mut sources);
    let sources: String = sources.iter().map(read).collect();
    let names: BTreeSet<&str> =
        sources.split("rename = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let messages: Vec<_> =
        names.into_iter().filter(|name| name.chars().all(|c| "ABCDEFGHIJKLMNOPQRSTUVWXYZ_".contains(c))).collect();
    assert!(6 <= messages.len(), "{messages:?}");
    for message in messages {
        assert!(protocol.contains(&format!("{{\"type\":\"{message}\"")), "{message} is not told of");
    }
    let said = cells(&section("app/docs/protocol.md", "### What a client says"));
    assert_eq!(said.len(), 5);
    for row in said {
        for message in code_spans(&row[0]).into_iter().filter(|text| !text.contains('…')) {
            assert!(hashpass::edge::socket::understand(message).is_ok(), "{message}");
        }
    }
    for numeric in numeric::ALL {
        assert!(protocol.contains(numeric.0), "{} is not told of", numeric.0);
    }
}

#[test]
fn the_known_answers_are_right() {
    let (seed, visitor) = ("00112233445566778899aabbccddeeff".parse().unwrap(), "visitor-1".parse().unwrap());
    let trace = "fl=0f0\nip=203.0.113.45\nts=0\n".parse().unwrap();
    let challenge = Challenge::new(&seed, &visitor, &trace);
    let hashes = cells(&section("app/docs/protocol.md", "## The hash"));
    assert_eq!(hashes.len(), 2);
    for row in hashes {
        let number = |at: usize| row[at].parse::<u32>().unwrap();
        let cost = Cost { time_cost: number(0), memory_cost: number(1), parallelism: number(2) };
        let hash = PuzzleHasher::new(cost).unwrap().hash(&challenge, Nonce::new(1).unwrap()).unwrap();
        assert_eq!(format!("`{hash}`"), row[3]);
    }

    let example = section("app/docs/protocol.md", "## The puzzle");
    let json = example.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    let puzzle: Puzzle = serde_json::from_str(json).unwrap();
    let (round, curve) = (&puzzle.round, puzzle.round.target_curve());
    let target = round.search.unwrap().target;
    assert_eq!(curve.target_at(Duration::from_secs_f64(round.mining_time)), target);
    assert_eq!((target.difficulty(), target.expected_hashes()), (round.difficulty, puzzle.expected_hashes));
    let targets = cells(&section("app/docs/protocol.md", "### The rule `rising`"));
    assert_eq!(targets.len(), 5);
    for row in targets {
        let target = curve.target_at(Duration::from_secs(row[0].parse().unwrap()));
        assert_eq!(format!("`{target}`"), row[1], "{}", row[0]);
    }

    let secret = CodeSecret::from_bytes((0..32).collect::<Vec<u8>>());
    let code = InviteCode::derive(&secret, &visitor, Nonce::new(42_856).unwrap(), &seed);
    assert!(section("app/docs/protocol.md", "## The invite code").contains(&format!("make `{}`", code.as_str())));

    let stamps = section("app/docs/lobby.md", "## Stamps");
    let known: Vec<&str> =
        stamps.split(['`', ' ', '\n']).filter(|word| word.starts_with("1:1") && word.contains(":26")).collect();
    let counted: Vec<_> = known.into_iter().filter(|stamp| !stamp.ends_with("counter")).collect();
    assert_eq!(counted.len(), 2);
    for stamp in counted {
        assert!(stamps.contains(&StampHash::of(stamp).to_string()), "{stamp}");
    }
}
