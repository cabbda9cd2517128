use super::*;
use crate::stamp::Minter;
use proptest::prelude::*;

/// 2026-11-21T12:34:56Z
const NOW: Timestamp = Timestamp(1_795_264_496);

/// Minted with Python's hashlib; its hash has 18 zero bits.
const KNOWN: &str = "1:16:261121:hashpass::25665";
const KNOWN_HASH: &str = "00002609d42b1b8e5ae5acd68f8a9ac5020ea2e663ecea9470ae94917cbc9889";

/// Claims 30 bits: no change to it is right by chance.
const STRONG: &str = "1:30:261121:hashpass::0000000000000000000000000000xEmYR";

fn bits(bits: u8) -> Bits {
    Bits::new(bits).unwrap()
}

fn judge(stamp: &str, required: u8) -> Result<Option<StampHash>, Rejection> {
    check(Some(stamp), bits(required), "hashpass", NOW)
}

#[test]
fn another_programs_stamp_is_accepted() {
    assert_eq!(judge(KNOWN, 16), Ok(Some(KNOWN_HASH.parse().unwrap())));
    assert_eq!(judge(KNOWN, 8), judge(KNOWN, 16));
    assert_eq!(judge(STRONG, 30).unwrap().unwrap().zero_bits(), 33);
}

#[test]
fn without_a_requirement_no_stamp_is_looked_at() {
    for stamp in [None, Some("nonsense"), Some(KNOWN)] {
        assert_eq!(check(stamp, Bits::NONE, "hashpass", NOW), Ok(None));
    }
}

#[test]
fn each_failure_has_its_reason() {
    let long = format!("{KNOWN}{}", "0".repeat(512));
    for (stamp, reason) in [
        (long.as_str(), "too_long"),
        ("", "fields"),
        ("1:16:261121:hashpass:25665", "fields"),
        ("1:16:261121:hashpass:::25665", "fields"),
        ("2:16:261121:hashpass::25665", "version"),
        ("1::261121:hashpass::25665", "malformed_bits"),
        ("1:+16:261121:hashpass::25665", "malformed_bits"),
        ("1:0016:261121:hashpass::25665", "malformed_bits"),
        ("1:257:261121:hashpass::25665", "malformed_bits"),
        ("1:15:261121:hashpass::25665", "insufficient_bits"),
        ("1:16:261121:Hashpass::25665", "resource"),
        ("1:16:261121:#lobby:c7a0:25665", "resource"),
        ("1:16:261121:hashpass:c7a0:25665", "extension"),
        ("1:16:261321:hashpass::25665", "malformed_date"),
        ("1:16:261118:hashpass::25665", "expired"),
        ("1:16:261122:hashpass::25665", "future"),
        ("1:16:261121:hashpass::", "counter"),
        ("1:16:261121:hashpass::25 665", "counter"),
        ("1:16:261121:hashpass::é", "counter"),
        ("1:16:261121:hashpass::25666", "proof"),
    ] {
        assert_eq!(judge(stamp, 16).unwrap_err().reason(), reason, "{stamp}");
    }
    assert_eq!(check(None, bits(16), "hashpass", NOW), Err(Rejection::Missing));
}

#[test]
fn the_first_failure_is_told() {
    for (stamp, reason) in [
        ("2:x:x:x:x:é:", "fields"),
        ("2:x:x:x:x:é", "version"),
        ("1:x:x:x:x:é", "malformed_bits"),
        ("1:8:x:x:x:é", "insufficient_bits"),
        ("1:16:x:x:x:é", "resource"),
        ("1:16:x:hashpass:x:é", "extension"),
        ("1:16:x:hashpass::é", "malformed_date"),
        ("1:16:000101:hashpass::é", "expired"),
        ("1:16:261121:hashpass::é", "counter"),
    ] {
        assert_eq!(judge(stamp, 16).unwrap_err().reason(), reason, "{stamp}");
    }
}

/// A stamp may state more bits than the server asks for, but then its hash must have them.
#[test]
fn a_stamp_must_have_the_bits_that_it_states() {
    let stated = KNOWN.replace(":16:", ":200:");
    assert!(matches!(judge(&stated, 16), Err(Rejection::Proof { stated: 200, found: 0..200 })));
}

proptest! {
    #[test]
    fn what_is_minted_is_accepted(
        required in 1u8..=9,
        resource in "[!-9;-~]{1,40}",
        seconds in 946_684_800u64..4_102_444_800,
        salt: u64,
    ) {
        let (required, now) = (bits(required), Timestamp(seconds));
        let mut minter = Minter::new(&prefix(required, &resource, now), salt);
        let stamp = std::iter::repeat_with(|| minter.advance(1024)).flatten().next().unwrap();
        let hash = check(Some(&stamp), required, &resource, now);
        prop_assert_eq!(hash, Ok(Some(StampHash::of(&stamp))), "{}", stamp);
    }

    #[test]
    fn a_change_to_any_field_is_refused(field in 0usize..6, value in "[0-9a-zA-Z]{0,12}") {
        let mut fields: Vec<&str> = STRONG.split(':').collect();
        prop_assume!(fields[field] != value);
        fields[field] = &value;
        prop_assert!(judge(&fields.join(":"), 30).is_err());
    }
}
