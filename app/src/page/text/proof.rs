//! Proof of work while it is computed, and what it costs.

use super::numbers::{grouped, tenths, waiting};
use crate::{
    language::{
        Language::{self, Chinese, English},
        Text,
    },
    scene::{Proof, SessionProof, proof::expected_tries},
};
use std::time::Duration;

/// The button that gives up.
pub fn cancel(language: Language) -> &'static str {
    language.pick("Cancel", "取消")
}

/// The button that computes a proof after all.
pub fn compute_proof(language: Language) -> &'static str {
    language.pick("Compute it now", "开始计算")
}

/// Names the proof of work for a session.
pub fn proof_heading(language: Language) -> &'static str {
    language.pick("Proof of work", "工作量证明")
}

/// How that stands.
pub fn session_proof(language: Language, proof: &SessionProof) -> &'static str {
    let text: Text = match proof {
        SessionProof::Hidden | SessionProof::Waiting => {
            |language| language.pick("Taking part costs a moment of computing.", "参与之前需要先算一小会儿。")
        }
        SessionProof::Computing(_) => |language| language.pick("Computing proof-of-work…", "正在计算工作量证明……"),
        SessionProof::Done => |language| language.pick("Done.", "已完成。"),
        SessionProof::Cancelled => |language| {
            language.pick(
                "Stopped. You can read everything; taking part needs it.",
                "已停止。你可以照常阅读；参与则需要它。",
            )
        },
        SessionProof::Failed => |language| {
            language.pick(
                "The worker did not come up. Please check your connection and try again.",
                "工作线程没有启动。请检查网络连接后重试。",
            )
        },
    };
    text(language)
}

/// Tries, rate, time and odds of a search.
pub fn proof_figures(language: Language, proof: &Proof) -> String {
    if proof.tries == 0 {
        return "–".into();
    }
    let (tries, speed) = (grouped(proof.tries as f64), grouped(proof.rate()));
    let elapsed = seconds(language, proof.elapsed);
    let half = proof.half_within().map(|time| seconds(language, time)).unwrap_or_default();
    match language {
        English => {
            format!(
                "{tries} tries · {speed} a second · {elapsed} · from any moment on, half the time it is done within {half}"
            )
        }
        Chinese => {
            format!("已试 {tries} 次 · 每秒 {speed} 次 · 用时 {elapsed} · 从任何时刻起，有一半机会在 {half}内完成")
        }
    }
}

fn seconds(language: Language, time: Duration) -> String {
    if Duration::from_secs(90) < time {
        return waiting(language, time);
    }
    let tenths = tenths(time.as_secs_f64().max(0.1));
    match language {
        English => format!("{tenths} s"),
        Chinese => format!("{tenths} 秒"),
    }
}

/// What a message in this channel costs.
pub fn message_proof(language: Language, bits: u8, mint_rate: f64) -> String {
    if bits == 0 {
        return String::new();
    }
    let time = (0.0 < mint_rate)
        .then(|| Duration::try_from_secs_f64(expected_tries(bits) / mint_rate).ok())
        .flatten()
        .map(|time| seconds(language, time));
    match (language, time) {
        (English, Some(time)) => format!("proof {bits} bits, about {time}"),
        (English, None) => format!("proof {bits} bits, about {} tries", grouped(expected_tries(bits))),
        (Chinese, Some(time)) => format!("工作量证明 {bits} 位，约 {time}"),
        (Chinese, None) => format!("工作量证明 {bits} 位，约 {} 次尝试", grouped(expected_tries(bits))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_it_costs() {
        assert_eq!(message_proof(English, 0, 1e6), "");
        assert_eq!(message_proof(English, 20, 2.6e6), "proof 20 bits, about 0.4 s");
        assert_eq!(message_proof(Chinese, 8, 0.0), "工作量证明 8 位，约 256 次尝试");
    }
}
