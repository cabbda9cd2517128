//! What this is, how it works, and what it sends.

use crate::language::Language::{self, Chinese, English};

/// The heading of the page.
pub fn headline(language: Language, prize: Option<&str>) -> String {
    match (language, prize) {
        (English, Some(prize)) => format!("A fair race for an invite to {prize}"),
        (Chinese, Some(prize)) => format!("公平竞赛，赢取 {prize} 的邀请码"),
        (_, None) => language.pick("A fair race for invite codes", "一场公平的邀请码竞赛").to_owned(),
    }
}

/// What this is.
pub fn lead(language: Language) -> &'static str {
    language.pick(
        "Your device tries numbers until one of them has a rare enough hash. Whoever finds the first one gets an \
         invite code, and the next round begins at once. There is nothing to install, and it costs nothing but a \
         little electricity.",
        "你的设备会不断尝试不同的数字，直到其中一个的哈希足够稀有。谁最先找到，谁就得到一个邀请码，\
         下一轮随即开始。不用安装任何东西，只花一点点电。",
    )
}

/// The heading of the explanation.
pub fn how_it_works(language: Language) -> &'static str {
    language.pick("How it works", "它是怎么运作的")
}

/// The explanation's first heading.
pub fn puzzle_heading(language: Language) -> &'static str {
    language.pick("One puzzle for everybody", "所有人解同一道题")
}

/// What the puzzle is.
pub fn puzzle(language: Language, memory_mib: u32) -> String {
    match language {
        English => format!(
            "Each round has a random seed. Your device joins it with its own id and a number and computes an Argon2id \
             hash, which takes {memory_mib} MiB of memory: a cost that special hardware can hardly save."
        ),
        Chinese => format!(
            "每一轮都有一个随机种子。你的设备把它与自己的 ID 和一个随机数（nonce）合在一起，计算 Argon2id 哈希。\
             每次计算都要占用 {memory_mib} MiB 内存，专用硬件也很难省下这笔开销。"
        ),
    }
}

/// Its second heading.
pub fn bar_heading(language: Language) -> &'static str {
    language.pick("A bar to clear", "越过门槛")
}

/// What the bar is.
pub fn bar_explained(language: Language, rises: bool) -> &'static str {
    if rises {
        language.pick(
            "A hash wins when it is rarer than the bar. The bar comes down while people mine, until somebody's best \
             hash clears it. Whatever you find keeps its worth until the round ends, so slow devices win too, in \
             proportion to their work.",
            "哈希比门槛更稀有，就能获胜。只要有人在挖矿，门槛就会逐渐降低，直到某个人的最佳哈希越过它。\
             你找到的哈希在本轮结束前一直有效，所以慢一些的设备也能赢，机会与投入的计算量成正比。",
        )
    } else {
        language.pick(
            "A hash wins when it is rarer than the bar, which stays where it is for the whole round. After each round \
             it moves so that the next one lasts neither too long nor too short.",
            "哈希比门槛更稀有，就能获胜。门槛在一轮之内保持不变，每轮结束后再作调整，让下一轮不长也不短。",
        )
    }
}

/// Its third heading.
pub fn winner_heading(language: Language) -> &'static str {
    language.pick("The first one wins", "先到者胜")
}

/// Who wins.
pub fn winner_explained(language: Language) -> &'static str {
    language.pick(
        "The earliest valid hash to arrive wins the code, whatever else happens. Nobody can send yours as theirs: it is \
         good only with your id and from your address.",
        "最先送达的有效哈希赢得邀请码，绝无例外。别人无法冒用你的成果：它只配你的 ID，\
         也只能从你的地址提交。",
    )
}

/// What the page sends.
pub fn privacy(language: Language, test_mode: bool) -> &'static str {
    if test_mode {
        language.pick(
            "To take part, this page sends an id computed from properties of your device, the address that your \
             requests come from, and your hash rate. Nobody else is asked or told.",
            "为了让你参与，本页会发送根据设备特征算出的 ID、你的请求所来自的地址，以及你的算力。\
             除此之外，不会询问或告知任何人。",
        )
    } else {
        language.pick(
            "To take part, this page sends an id computed from properties of your device, the address that your \
             requests come from, and your hash rate. Apart from Cloudflare's check that you are human, nobody else \
             is asked or told.",
            "为了让你参与，本页会发送根据设备特征算出的 ID、你的请求所来自的地址，以及你的算力。\
             除了由 Cloudflare 确认你是真人之外，不会询问或告知任何人。",
        )
    }
}
