//! The drop in words.

use super::numbers::{grouped, quantity, time};
use crate::{
    language::Language::{self, Chinese, English},
    scene::DropScene,
    wire::{DropState, OverReason},
};

/// What stands above it: the state, or what is counted down to.
pub fn heading(language: Language, drop: &DropScene) -> String {
    let text = match drop.state {
        _ if drop.next_in().is_none() => state(language, drop.state, drop.reason),
        DropState::Scheduled => language.pick("The drop opens in", "距离发放开始还有"),
        _ => language.pick("The drop is open for", "发放还剩"),
    };
    text.to_owned()
}

/// The state of a drop.
pub fn state(language: Language, state: DropState, reason: Option<OverReason>) -> &'static str {
    match (state, reason) {
        (DropState::Scheduled, _) => language.pick("The drop opens later", "发放稍后开始"),
        (DropState::Open, _) => language.pick("The drop is open", "发放进行中"),
        (DropState::Paused, _) => language.pick("The drop is paused", "发放已暂停"),
        (DropState::Over, Some(OverReason::SoldOut)) => language.pick("Every code is given out", "所有邀请码都已发出"),
        (DropState::Over, _) => language.pick("The drop is over", "发放已结束"),
    }
}

/// How long it takes until something happens.
pub fn countdown(language: Language, drop: &DropScene) -> String {
    let Some(left) = drop.next_in() else { return String::new() };
    let (days, rest) = (left.as_secs() / 86_400, left.as_secs() % 86_400);
    let rest = time(std::time::Duration::from_secs(rest));
    match language {
        _ if days == 0 => rest,
        English if days == 1 => format!("1 day {rest}"),
        English => format!("{days} days {rest}"),
        Chinese => format!("{days} 天 {rest}"),
    }
}

/// What comes next, and what the visitor can do.
pub fn words(language: Language, drop: &DropScene) -> String {
    let at = |time: &Option<String>| time.as_deref().map(minutes);
    match (language, drop.state) {
        (English, DropState::Scheduled) => match at(&drop.opens_at) {
            Some(at) => format!("It opens on {at} UTC. Press Start whenever you like: mining begins by itself."),
            None => "It opens later. Press Start whenever you like: mining begins by itself.".to_owned(),
        },
        (Chinese, DropState::Scheduled) => match at(&drop.opens_at) {
            Some(at) => format!("发放将于 {at}（UTC）开始。现在就可以点击“开始”，到时会自动挖矿。"),
            None => "发放稍后开始。现在就可以点击“开始”，到时会自动挖矿。".to_owned(),
        },
        (English, DropState::Open) => {
            at(&drop.closes_at).map_or_else(String::new, |at| format!("It closes on {at} UTC."))
        }
        (Chinese, DropState::Open) => {
            at(&drop.closes_at).map_or_else(String::new, |at| format!("发放将于 {at}（UTC）结束。"))
        }
        (_, DropState::Paused) => language
            .pick(
                "Nobody can win now. It goes on with a new round for everybody.",
                "现在谁都无法获胜。恢复后，大家会一起开始新的一轮。",
            )
            .to_owned(),
        (_, DropState::Over) => language
            .pick(
                "There is nothing to win now. Codes that were won stay good.",
                "现在没有可以赢得的了，已赢得的邀请码仍然有效。",
            )
            .to_owned(),
    }
}

/// How many codes are left; empty where there is no limit.
pub fn left(language: Language, drop: &DropScene) -> String {
    #[allow(clippy::cast_precision_loss, reason = "counts of codes are below 2^53")]
    let number = |count: u64| grouped(count as f64);
    match (drop.left, drop.supply) {
        (Some(left), Some(supply)) => {
            let (left, supply) = (number(left), number(supply));
            match language {
                English => format!("{left} of {supply} left"),
                Chinese => format!("共 {supply} 个，还剩 {left} 个"),
            }
        }
        _ => String::new(),
    }
}

/// How much one person may win.
pub fn rules(language: Language, drop: &DropScene) -> String {
    let limits = &drop.limits;
    let mut rules = Vec::new();
    match (language, limits.wins_per_person) {
        (_, 0) => {}
        (English, 1) => rules.push("One code a person.".to_owned()),
        (English, most) => rules.push(format!("At most {most} codes a person.")),
        (Chinese, most) => rules.push(format!("每人最多 {most} 个。")),
    }
    match (language, limits.wins_per_network) {
        (_, 0) => {}
        (English, 1) => rules.push("One code a network.".to_owned()),
        (English, most) => rules.push(format!("At most {most} codes a network.")),
        (Chinese, most) => rules.push(format!("每个网络最多 {most} 个。")),
    }
    if 0.0 < limits.win_cooldown {
        let seconds = quantity(limits.win_cooldown);
        rules.push(match language {
            English => format!("After a win you win nothing for {seconds} s."),
            Chinese => format!("获胜后 {seconds} 秒内不能再次获胜。"),
        });
    }
    if 0.0 < limits.min_round {
        let seconds = quantity(limits.min_round);
        rules.push(match language {
            English => format!("After a win nobody wins for {seconds} s."),
            Chinese => format!("每次有人获胜后，{seconds} 秒内谁都不能获胜。"),
        });
    }
    rules.join(language.pick(" ", ""))
}

/// `2026-12-24T19:00:00.000Z` as `2026-12-24 19:00`.
fn minutes(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DropLimits;
    use std::time::Duration;

    fn drop(state: DropState) -> DropScene {
        DropScene { state, ..DropScene::default() }
    }

    #[test]
    fn a_countdown_is_read_at_a_glance() {
        for (seconds, english, chinese) in [
            (7, "0:07", "0:07"),
            (3_661, "1:01:01", "1:01:01"),
            (86_400 + 60, "1 day 1:00", "1 天 1:00"),
            (3 * 86_400, "3 days 0:00", "3 天 0:00"),
        ] {
            let drop = DropScene { opens_in: Some(Duration::from_secs(seconds)), ..drop(DropState::Scheduled) };
            assert_eq!((countdown(English, &drop).as_str(), countdown(Chinese, &drop).as_str()), (english, chinese));
        }
    }

    #[test]
    fn every_state_says_what_comes_next() {
        let scheduled = DropScene { opens_at: Some("2026-12-24T19:00:00.000Z".into()), ..drop(DropState::Scheduled) };
        assert!(words(English, &scheduled).contains("2026-12-24 19:00 UTC"));
        for state in [DropState::Scheduled, DropState::Paused, DropState::Over] {
            for language in [English, Chinese] {
                assert!(!words(language, &drop(state)).is_empty() && !heading(language, &drop(state)).is_empty());
            }
        }
        let sold_out = DropScene { reason: Some(OverReason::SoldOut), ..drop(DropState::Over) };
        assert_ne!(heading(English, &sold_out), heading(English, &drop(DropState::Over)));
    }

    #[test]
    fn what_is_left_and_what_one_may_win_is_told() {
        let open = DropScene {
            supply: Some(1000),
            left: Some(37),
            limits: DropLimits { wins_per_person: 1, wins_per_network: 2, win_cooldown: 1.5, min_round: 2.0 },
            ..drop(DropState::Open)
        };
        assert_eq!(left(English, &open), "37 of 1,000 left");
        assert_eq!(left(Chinese, &open), "共 1,000 个，还剩 37 个");
        assert_eq!(
            rules(English, &open),
            "One code a person. At most 2 codes a network. After a win you win nothing for 1.5 s. After a win nobody \
             wins for 2 s."
        );
        assert!(rules(Chinese, &open).contains("每人最多 1 个"));
        assert_eq!((left(English, &drop(DropState::Open)), rules(English, &drop(DropState::Open))), Default::default());
    }
}
