//! Nicks for those who have not chosen one.

use crate::lobby::names::Nick;
use rand::seq::IndexedRandom;

/// Two words and a number, such as `calm_otter_41729`.
pub(super) fn friendly_nick() -> Nick {
    const MOODS: &[&str] = &[
        "amber", "bold", "brave", "bright", "calm", "clever", "cosy", "early", "fair", "gentle", "happy", "kind",
        "lively", "lucky", "merry", "mellow", "noble", "patient", "quiet", "quick", "silver", "steady", "sunny",
        "wise",
    ];
    const ANIMALS: &[&str] = &[
        "badger", "beaver", "crane", "deer", "dolphin", "falcon", "finch", "fox", "heron", "ibex", "lark", "lynx",
        "marten", "otter", "owl", "panda", "puffin", "raven", "robin", "seal", "swan", "tiger", "wren", "yak",
    ];
    let mut random = rand::rng();
    let mood = MOODS.choose(&mut random).copied().unwrap_or("calm");
    let animal = ANIMALS.choose(&mut random).copied().unwrap_or("otter");
    let nick = format!("{mood}_{animal}_{}", rand::random_range(100..100_000));
    nick.parse().unwrap_or_else(|_| unreachable!("letters, underscores and digits are a nick"))
}
