use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn prefix(bits: u8, text: &str) -> Prefix {
    Prefix::new(Bits::new(bits).unwrap(), text.to_owned())
}

fn mint(minter: &mut Minter) -> String {
    std::iter::repeat_with(|| minter.advance(4096)).flatten().next().unwrap()
}

/// What an ordinary search over the same counters finds first.
fn plain_search(prefix: &Prefix, salt: u64) -> String {
    let minter = Minter::new(prefix, salt);
    let mut stamp = minter.stamp;
    (0..)
        .map(|number| {
            write_number(&mut stamp[minter.digits..], number);
            String::from_utf8(stamp.clone()).unwrap()
        })
        .find(|stamp| u16::from(prefix.bits.get()) <= StampHash::of(stamp).zero_bits())
        .unwrap()
}

#[test]
fn no_counter_is_tried_twice_or_left_out() {
    let prefix = prefix(0, "1:0:261121:hashpass::");
    let mut minter = Minter::new(&prefix, 1);
    let mut rows = HashSet::new();
    // Over the place where the third digit from the end carries.
    for _ in 0..2 * ROW * ROW {
        assert!(rows.insert(minter.advance(1).unwrap()));
    }
    assert_eq!(minter.tries(), 2 * ROW * ROW * ROW);
    assert_eq!(mint(&mut Minter::new(&prefix, 1)), plain_search(&prefix, 1));
}

#[test]
fn a_search_goes_on_where_it_stopped() {
    let prefix = prefix(13, "1:13:261121:hashpass::");
    let at_once = mint(&mut Minter::new(&prefix, 9));
    let mut minter = Minter::new(&prefix, 9);
    let in_steps = std::iter::repeat_with(|| minter.advance(1)).flatten().next().unwrap();
    assert_eq!(in_steps, at_once);
    assert!(at_once.starts_with(prefix.as_str()));
}

#[test]
fn tries_are_whole_rows() {
    let prefix = prefix(40, "1:40:261121:hashpass::");
    let mut minter = Minter::new(&prefix, 0);
    for (tries, total) in [(0, 0), (1, 64), (64, 128), (65, 256), (1024, 1280)] {
        assert_eq!(minter.advance(tries), None);
        assert_eq!(minter.tries(), total);
    }
}

#[test]
fn salts_keep_searches_apart() {
    let prefix = prefix(4, "1:4:261121:hashpass::");
    let stamps: HashSet<String> =
        [0, 1, 64, u64::MAX].map(|salt| mint(&mut Minter::new(&prefix, salt))).into_iter().collect();
    assert_eq!(stamps.len(), 4);
    assert!(stamps.iter().all(|stamp| stamp.len() == Tail::LENGTH), "{stamps:?}");
}

#[test]
fn a_search_carries_into_earlier_digits() {
    let prefix = prefix(21, "1:21:261121:hashpass::");
    let stamp = mint(&mut Minter::new(&prefix, 3));
    assert!(21 <= StampHash::of(&stamp).zero_bits());
    assert!(StampHash::of(&stamp).as_bytes().starts_with(&[0, 0]));
}

proptest! {
    #[test]
    fn the_search_finds_what_a_plain_one_finds(text in "[ -~]{0,150}", bits in 0u8..=8, salt: u64) {
        let prefix = prefix(bits, &text);
        let stamp = mint(&mut Minter::new(&prefix, salt));
        prop_assert_eq!(&stamp, &plain_search(&prefix, salt));
        prop_assert_eq!(stamp.len() % 64, Tail::LENGTH);
    }
}
