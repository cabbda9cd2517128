//! The parsers that read what strangers send, held to the promises that the fuzz
//! targets hold them to: with the corpus of `src/fuzz`, and with variations of it.

#![allow(unreachable_pub, reason = "the checks are a library elsewhere")]

#[path = "../../fuzz/checks.rs"]
mod checks;

use proptest::{collection::vec, prelude::*, sample::Index};
use std::{fs, path::Path};

/// The inputs kept for a check, by name.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz/corpus").join(name);
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let mut inputs: Vec<_> = files.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
    inputs.sort();
    inputs
}

/// The words of a check's dictionary, as libFuzzer writes them: quoted, one a line.
fn dictionary(name: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz/dictionaries").join(name);
    fs::read_to_string(file).unwrap().lines().map(|line| unescape(line.trim_matches('"'))).collect()
}

fn unescape(word: &str) -> Vec<u8> {
    let mut pieces = word.split("\\x");
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// Something that stands between two places of an input afterwards.
type Edit = (Index, Index, Vec<u8>);

/// An input of the corpus with a few pieces replaced, or bytes of no origin.
fn varied(name: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let words = dictionary(name);
    let piece = prop_oneof![
        4 => any::<Index>().prop_map(move |index| index.get(&words).clone()),
        1 => vec(any::<u8>(), 0..5),
        1 => "\\PC{0,4}".prop_map(String::into_bytes),
    ];
    let inputs = corpus(name);
    let edits = vec((any::<Index>(), any::<Index>(), piece), 0..5);
    let edited = (any::<Index>(), edits).prop_map(move |(index, edits)| {
        edits.iter().fold(index.get(&inputs).1.clone(), |input, edit| edited(&input, edit))
    });
    prop_oneof![9 => edited, 1 => vec(any::<u8>(), 0..200)]
}

fn edited(input: &[u8], (start, length, piece): &Edit) -> Vec<u8> {
    let start = start.index(input.len() + 1);
    // Short gaps: most of the input's form must stay.
    let end = (start + length.index(12)).min(input.len());
    [&input[..start], piece, &input[end..]].concat()
}

/// Every input of the corpus keeps the promises; a file with nothing to check
/// would be one with the wrong name.
#[test]
fn the_corpus_keeps_its_promises() {
    for (name, check) in checks::ALL {
        let inputs = corpus(name);
        assert!(8 <= inputs.len(), "{name} has a corpus");
        for (file, input) in inputs {
            let kept = std::panic::catch_unwind(|| check(&input));
            assert!(kept.is_ok(), "{file}");
        }
    }
}

#[test]
fn every_target_has_its_check_corpus_and_dictionary() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fuzz");
    let names = |directory: &str| {
        let entries = fs::read_dir(fuzz.join(directory)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let checks = checks::ALL.map(|(name, _)| name);
    for directory in ["targets", "corpus", "dictionaries"] {
        assert_eq!(names(directory), checks, "{directory}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn client_addresses(bytes in varied("address")) {
        checks::address(&bytes);
    }

    #[test]
    fn configurations(bytes in varied("configuration")) {
        checks::configuration(&bytes);
    }

    #[test]
    fn cookies(bytes in varied("cookie")) {
        checks::cookie(&bytes);
    }

    #[test]
    fn stamps(bytes in varied("stamp")) {
        checks::stamp(&bytes);
    }

    #[test]
    fn submissions(bytes in varied("submission")) {
        checks::submission(&bytes);
    }

    #[test]
    fn traces(bytes in varied("trace")) {
        checks::trace(&bytes);
    }

    #[test]
    fn websocket_messages(bytes in varied("websocket")) {
        checks::websocket(&bytes);
    }
}
