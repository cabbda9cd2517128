use super::*;
use crate::stamp::Minter;
use proptest::prelude::*;

/// 2026-11-21T12:34:56Z
const NOW: Timestamp = Timestamp(1_795_264_496);

/// Minted with Python's hashlib for `["hello"]`; its hash has 16 zero bits.
const KNOWN: &str = "1:12:261121:#lobby:c7a0f7154e64cd96c617f251dc12c4396b7234c2856ccf4860ab7af537dfcdd9:5244";
const KNOWN_HASH: &str = "0000d553124baa9bdb27e2479f1394495f209b559499b8c626d5330fb56c644e";

/// The same for the lines `two` and `lines`, joined.
const JOINED: &str = "1:12:261121:#lobby:edc8c1284585d703bec48f34f842bd911200142ddd602264c77df65168abae1d:2840";

/// Claims 30 bits: no change to it is right by chance.
const STRONG: &str = "1:30:261121:#lobby:c7a0f7154e64cd96c617f251dc12c4396b7234c2856ccf4860ab7af537dfcdd9:000000000000000000000000000001vK-ro";

fn bits(bits: u8) -> Bits {
    Bits::new(bits).unwrap()
}

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).into()
}

fn judge(stamp: &str, required: u8) -> Result<Option<StampHash>, Rejection> {
    check(Some(stamp), bits(required), "#lobby", &lines(["hello"]), NOW)
}

fn mint(required: Bits, channel: &str, body: &[String], salt: u64) -> String {
    let mut minter = Minter::new(&prefix(required, channel, body, NOW), salt);
    std::iter::repeat_with(|| minter.advance(1024)).flatten().next().unwrap()
}

#[test]
fn happy_path() {
    assert_eq!(judge(KNOWN, 12), Ok(Some(KNOWN_HASH.parse().unwrap())));
    assert_eq!(judge(KNOWN, 1), judge(KNOWN, 12));
    assert!(check(Some(KNOWN), bits(12), "#Lobby", &lines(["hello"]), NOW).is_ok());
    assert!(check(Some(JOINED), bits(12), "#lobby", &lines(["two", "lines"]), NOW).is_ok());
    assert_eq!(judge(STRONG, 30).unwrap().unwrap().zero_bits(), 30);
}

#[test]
fn wrong_channel() {
    for channel in ["#other", "#lobby2", "#lobb", "lobby", ""] {
        assert_eq!(check(Some(KNOWN), bits(12), channel, &lines(["hello"]), NOW), Err(Rejection::Channel), "{channel}");
    }
}

#[test]
fn wrong_body_hash() {
    for body in [lines(["hello!"]), lines(["Hello"]), lines(["hello", ""]), lines(["hel", "lo"]), lines([])] {
        assert_eq!(check(Some(KNOWN), bits(12), "#lobby", &body, NOW), Err(Rejection::BodyHash), "{body:?}");
    }
    for spelling in ["c7a0", "C7A0F7154E64CD96C617F251DC12C4396B7234C2856CCF4860AB7AF537DFCDD9", "hello"] {
        let stamp = format!("1:12:261121:#lobby:{spelling}:5244");
        assert_eq!(judge(&stamp, 12), Err(Rejection::BodyHash), "{spelling}");
    }
}

#[test]
fn insufficient_bits() {
    assert_eq!(judge(KNOWN, 13), Err(Rejection::Bits { stated: 12, required: bits(13) }));
    // The hash has 16 zero bits, but what counts is what the stamp states, if that is true.
    assert_eq!(judge(KNOWN, 16), Err(Rejection::Bits { stated: 12, required: bits(16) }));
    let boast = KNOWN.replace(":12:", ":40:");
    let found = StampHash::of(&boast).zero_bits();
    assert_eq!(judge(&boast, 12), Err(Rejection::Proof { stated: 40, found }));
}

#[test]
fn zero_bits_skip() {
    for stamp in [None, Some(""), Some("nonsense"), Some(KNOWN)] {
        assert_eq!(check(stamp, Bits::NONE, "#lobby", &lines(["hello"]), NOW), Ok(None), "{stamp:?}");
    }
    assert_eq!(check(None, bits(1), "#lobby", &lines(["hello"]), NOW), Err(Rejection::Missing));
}

#[test]
fn bad_format() {
    let hash = body_hash(&lines(["hello"]));
    for (stamp, reason) in [
        (String::new(), Rejection::Fields),
        ("nonsense".to_owned(), Rejection::Fields),
        (":::::".to_owned(), Rejection::Version),
        (format!("1:12:261121:#lobby:{hash}"), Rejection::Fields),
        (format!("{KNOWN}:"), Rejection::Fields),
        (format!("1:12:261121:#lobby::{hash}:5244"), Rejection::Fields),
        (format!("1:twelve:261121:#lobby:{hash}:5244"), Rejection::MalformedBits),
        (format!("1:-1:261121:#lobby:{hash}:5244"), Rejection::MalformedBits),
        (format!("1:999:261121:#lobby:{hash}:5244"), Rejection::MalformedBits),
        (format!("1:12:21-11-26:#lobby:{hash}:5244"), Rejection::MalformedDate),
        (format!("1:12::#lobby:{hash}:5244"), Rejection::MalformedDate),
        (format!("1:12:261121:#lobby:{hash}:"), Rejection::Counter),
        (format!("1:12:261121:#lobby:{hash}:5\u{a0}4"), Rejection::Counter),
        (format!("1:12:261121:#lobby:{hash}:{}", "0".repeat(512)), Rejection::TooLong),
    ] {
        assert_eq!(judge(&stamp, 12), Err(reason), "{stamp}");
    }
}

#[test]
fn bad_version() {
    for version in ["0", "2", "01", "", "one"] {
        let stamp = format!("{version}{}", &KNOWN[1..]);
        assert_eq!(judge(&stamp, 12), Err(Rejection::Version), "{version}");
    }
}

#[test]
fn expired_stamp() {
    let judge_at = |seconds| check(Some(KNOWN), bits(12), "#lobby", &lines(["hello"]), Timestamp(seconds));
    let midnight = 1_795_219_200;
    assert!(judge_at(midnight + (24 + 48) * 3600 - 1).is_ok());
    assert_eq!(judge_at(midnight + (24 + 48) * 3600), Err(Rejection::Expired));
    assert!(judge_at(midnight - 3600).is_ok());
    assert_eq!(judge_at(midnight - 3601), Err(Rejection::FromTheFuture));
}

#[test]
fn missing_body_hash() {
    assert_eq!(judge("1:12:261121:#lobby::5244", 12), Err(Rejection::MissingBodyHash));
}

#[test]
fn body_hash_determinism() {
    // All from Python's hashlib and json.dumps(…, separators=(',', ':'), ensure_ascii=False).
    for (body, hash) in [
        (lines(["hello"]), "c7a0f7154e64cd96c617f251dc12c4396b7234c2856ccf4860ab7af537dfcdd9"),
        (lines([]), "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"),
        (
            lines(["say \"hi\" \\ now", "tab\there", "\u{1}\u{7f}\u{2028}é<&>"]),
            "ebd09ad971e9f3f73eba56a4ec0062a5ab440373997b777827f1159fc7d673d3",
        ),
    ] {
        assert_eq!(body_hash(&body).to_string(), hash, "{body:?}");
        assert_eq!(body_hash(&body), body_hash(&body.clone()));
    }
    assert_ne!(body_hash(&lines(["a", "b"])), body_hash(&lines(["a,b"])));
    assert_ne!(body_hash(&lines(["a", "b"])), body_hash(&lines(["b", "a"])));
}

#[test]
fn stamp_hash() {
    assert_eq!(StampHash::of(KNOWN).to_string(), KNOWN_HASH);
    // Another spelling of the same fields is another stamp, which needs its own proof.
    for other in [KNOWN.replace(":12:", ":012:"), KNOWN.replace("#lobby", "#Lobby"), format!("{KNOWN}0")] {
        assert_ne!(StampHash::of(&other), StampHash::of(KNOWN));
        assert!(matches!(judge(&other, 12), Err(Rejection::Proof { stated: 12, .. })), "{other}");
    }
}

#[test]
fn mint_and_validate_round_trip() {
    let body = lines(["hello", "wörld"]);
    for required in [1, 8, 14] {
        let stamp = mint(bits(required), "#lobby", &body, 7);
        let accepted = check(Some(&stamp), bits(required), "#lobby", &body, NOW);
        assert_eq!(accepted, Ok(Some(StampHash::of(&stamp))), "{stamp}");
    }
}

proptest! {
    #[test]
    fn what_is_minted_is_accepted(
        required in 1u8..=9,
        channel in "#[A-Za-z0-9_-]{1,49}",
        body in prop::collection::vec(any::<String>(), 0..4),
        salt: u64,
    ) {
        let stamp = mint(bits(required), &channel, &body, salt);
        let accepted = check(Some(&stamp), bits(required), &channel, &body, NOW);
        prop_assert_eq!(accepted, Ok(Some(StampHash::of(&stamp))), "{}", stamp);
    }

    #[test]
    fn a_change_to_any_field_is_refused(field in 0usize..6, value in "#?[0-9a-zA-Z]{0,12}") {
        let mut fields: Vec<&str> = STRONG.split(':').collect();
        prop_assume!(fields[field] != value);
        fields[field] = &value;
        prop_assert!(judge(&fields.join(":"), 30).is_err());
    }

    #[test]
    fn a_stamp_serves_one_body(body in prop::collection::vec("[a-z\n\"\\\\]{0,6}", 0..4)) {
        prop_assume!(body != ["hello"] && body.join("\n") != "[\"hello\"]");
        prop_assert_eq!(check(Some(KNOWN), bits(12), "#lobby", &body, NOW), Err(Rejection::BodyHash));
    }
}
