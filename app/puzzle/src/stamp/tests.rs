use super::*;
use proptest::prelude::*;

#[test]
fn bits_end_at_forty() {
    assert_eq!(Bits::new(0), Ok(Bits::NONE));
    assert_eq!(Bits::new(40), Ok(Bits::MAX));
    assert!(Bits::new(41).is_err());
    assert_eq!(Bits::new(20).unwrap().expected_tries(), 1_048_576);
    assert_eq!(serde_json::from_str::<Bits>("20").unwrap(), Bits::new(20).unwrap());
    assert!(serde_json::from_str::<Bits>("41").is_err());
}

#[test]
fn zero_bits_are_counted_over_all_bytes() {
    let mut bytes = [0; 32];
    assert_eq!(StampHash(bytes).zero_bits(), 256);
    for (index, byte, zeros) in [(31, 1, 255), (2, 0x1f, 19), (1, 0xff, 8), (0, 0x40, 1), (0, 0x80, 0)] {
        bytes[index] = byte;
        assert_eq!(StampHash(bytes).zero_bits(), zeros);
    }
}

#[test]
fn reasons_are_one_word_each() {
    let bits = Bits::new(20).unwrap();
    let all = [
        Rejection::Missing,
        Rejection::TooLong,
        Rejection::Fields,
        Rejection::Version,
        Rejection::MalformedBits,
        Rejection::Bits { stated: 8, required: bits },
        Rejection::Resource,
        Rejection::Extension,
        Rejection::Channel,
        Rejection::MalformedDate,
        Rejection::Expired,
        Rejection::FromTheFuture,
        Rejection::MissingBodyHash,
        Rejection::BodyHash,
        Rejection::Counter,
        Rejection::Proof { stated: 20, found: 8 },
        Rejection::Spent,
    ];
    let mut reasons = all.map(Rejection::reason);
    assert!(reasons.iter().all(|reason| reason.bytes().all(|c| c.is_ascii_lowercase() || c == b'_')));
    reasons.sort_unstable();
    assert!(reasons.is_sorted_by(|a, b| a < b), "{reasons:?}");
}

/// A stamp that says what it says in every place but one.
fn nearly_a_stamp() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just("1".to_owned()),
        Just("20".to_owned()),
        Just("261121".to_owned()),
        Just("#lobby".to_owned()),
        "[0-9a-f]{64}",
        "\\PC{0,12}",
    ];
    prop::collection::vec(field, 0..9).prop_map(|fields| fields.join(":"))
}

proptest! {
    #[test]
    fn no_text_breaks_the_checks(text in prop_oneof![nearly_a_stamp(), any::<String>()], bits in 0u8..=40, now: u64) {
        let bits = Bits::new(bits).unwrap();
        let body = [text.clone()];
        for stamp in [None, Some(text.as_str())] {
            let accepted = session::check(stamp, bits, "hashpass", Timestamp(now));
            prop_assert_eq!(accepted == Ok(None), bits.is_none());
            let accepted = channel::check(stamp, bits, "#lobby", &body, Timestamp(now));
            prop_assert_eq!(accepted == Ok(None), bits.is_none());
        }
    }
}
