//! What the documents promise: every test they name is there, and no row of the
//! product's features is without one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
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
        let mut is_test = false;
        for line in read(path).lines().map(str::trim) {
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
    for document in ["README.md", "SECURITY.md"] {
        for (row, names) in rows(document) {
            missing.extend(names.into_iter().filter(|name| !tests.contains(name)).map(|name| format!("{row}: {name}")));
        }
    }
    assert!(missing.is_empty(), "there is no such test:\n{}", missing.join("\n"));
}

#[test]
fn every_feature_has_a_test() {
    let rows = rows("README.md");
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
    let readme = read("README.md");
    let section = readme.split_once("\n### The lobby\n").expect("a table of the lobby").1;
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
    for (row, tests) in rows("SECURITY.md") {
        assert!(!tests.is_empty(), "no test is named for: {row}");
    }
}
