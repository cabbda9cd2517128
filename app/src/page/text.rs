//! Every word that visitors read, in one place and in every [`Language`].
//!
//! A text is a function of the language. A plain one [picks](Language::pick) one
//! of its translations, and a text with values in it has a `match`: either way,
//! what lacks a translation does not compile. Components show a plain text by
//! [`say`](super::live::say), and hand all others the language of the moment.

pub mod drop;
pub mod lobby;
mod log;
pub mod numbers;
mod proof;
mod server_words;
mod state;
mod story;

pub use log::note;
pub use proof::{cancel, compute_proof, message_proof, proof_figures, proof_heading, session_proof};
pub use state::{best_outlook, connection, human_check, odds, status, title, trouble, window_title};
pub use story::{
    bar_explained, bar_heading, headline, how_it_works, lead, privacy, puzzle, puzzle_heading, winner_explained,
    winner_heading,
};

pub use crate::language::Text;

use crate::language::Language::{self, Chinese, English};
use numbers::{grouped, one_in, quantity, rate, tries};
use puzzle::{RoundNumber, VisitorId};

// ------------------------------------------------------------------ the frame

/// One sentence for search engines and link previews.
pub fn site_description(language: Language) -> &'static str {
    language.pick(
        "A fair, public race for invite codes: your device looks for a rare hash, and the first one found wins.",
        "一场公平、公开的邀请码竞赛：让你的设备寻找一个稀有的哈希，最先找到的人获胜。",
    )
}

/// The link that keyboards find first.
pub fn skip_to_content(language: Language) -> &'static str {
    language.pick("Skip to the content", "跳到正文")
}

/// Names the choice of language.
pub fn language(language: Language) -> &'static str {
    language.pick("Language", "语言")
}

/// Names the choice of theme.
pub fn theme(language: Language) -> &'static str {
    language.pick("Theme", "主题")
}

/// The theme that the system has.
pub fn theme_of_the_system(language: Language) -> &'static str {
    language.pick("System", "跟随系统")
}

/// The light theme.
pub fn light_theme(language: Language) -> &'static str {
    language.pick("Light", "浅色")
}

/// The dark theme.
pub fn dark_theme(language: Language) -> &'static str {
    language.pick("Dark", "深色")
}

/// Names the notices above the page.
pub fn notices(language: Language) -> &'static str {
    language.pick("Notices", "提示")
}

/// How the operator is reached.
pub fn contact(language: Language, contact: &str) -> String {
    match language {
        English => format!("Contact: {contact}"),
        Chinese => format!("联系方式：{contact}"),
    }
}

/// The link to who the operator is.
pub fn imprint(language: Language) -> &'static str {
    language.pick("Imprint", "网站信息")
}

/// The link to what the operator does with data.
pub fn privacy_policy(language: Language) -> &'static str {
    language.pick("Privacy policy", "隐私政策")
}

/// The link to the manual.
pub fn manual(language: Language) -> &'static str {
    language.pick("Manual", "手册")
}

/// Above everything while nobody is asked whether they are human.
pub fn test_banner(language: Language) -> &'static str {
    language.pick(
        "Test mode: the human check is switched off, and everybody passes. Not for real codes.",
        "测试模式：人机验证已关闭，任何人都能通过。请勿用它发放真正的邀请码。",
    )
}

/// Before Start: where a winner can go on.
pub fn way_back(language: Language, host: &str) -> String {
    match language {
        English => format!("You come from {host}: with a code you can go back there."),
        Chinese => format!("你来自 {host}：赢得邀请码后，可以返回那里继续。"),
    }
}

/// The link that takes a code to where the winner came from.
pub fn go_on(language: Language, host: &str) -> String {
    match language {
        English => format!("Continue to {host}"),
        Chinese => format!("继续前往 {host}"),
    }
}

/// For browsers without scripts.
pub fn needs_scripts(language: Language) -> &'static str {
    language.pick(
        "Taking part needs JavaScript and WebAssembly, which this browser does not run here. You can read this page \
         as it is, but your device cannot mine.",
        "参与竞赛需要 JavaScript 和 WebAssembly，而这个浏览器没有在此运行它们。你可以照常阅读本页，只是设备无法挖矿。",
    )
}

/// For browsers with scripts but without WebAssembly.
pub fn needs_web_assembly(language: Language) -> &'static str {
    language.pick(
        "Taking part needs WebAssembly, which this browser does not offer. Some browsers switch it off in their \
         strictest security mode. You can read this page, but your device cannot mine here.",
        "参与竞赛需要 WebAssembly，而这个浏览器不提供。有些浏览器会在最严格的安全模式下将它关闭。\
         你可以照常阅读本页，只是设备无法在这里挖矿。",
    )
}

/// When the page's program does not arrive.
pub fn loads_slowly(language: Language) -> &'static str {
    language.pick(
        "The page's program has not loaded yet. If this stays, please check your connection and reload the page.",
        "页面程序还没有加载完成。如果一直这样，请检查网络连接，然后刷新页面。",
    )
}

/// When the server renders the page without its state.
pub fn no_state(language: Language) -> &'static str {
    language.pick(
        "The server could not say how the race stands. Please reload the page in a moment.",
        "服务器暂时无法提供竞赛的状态，请稍后刷新页面。",
    )
}

// -------------------------------------------------------------------- the race

/// The heading of the visitor's own part.
pub fn your_race(language: Language) -> &'static str {
    language.pick("Your device", "你的设备")
}

/// The button that starts.
pub fn start(language: Language) -> &'static str {
    language.pick("Start mining", "开始挖矿")
}

/// The same, after something went wrong.
pub fn start_again(language: Language) -> &'static str {
    language.pick("Try again", "重试")
}

/// The button that stops.
pub fn stop(language: Language) -> &'static str {
    language.pick("Stop", "停止")
}

/// Names the slider.
pub fn workers(language: Language) -> &'static str {
    language.pick("Workers", "工作线程")
}

/// Its value.
pub fn worker_count(language: Language, workers: usize, most: usize) -> String {
    match language {
        _ if most == 0 => "–".into(),
        English => format!("{workers} of {most}"),
        Chinese => format!("{workers} / {most} 个"),
    }
}

/// What it does.
pub fn workers_hint(language: Language) -> &'static str {
    language.pick("More workers are faster, warmer and louder.", "线程越多算得越快，设备也会更热、更吵。")
}

/// Names the page's own rate.
pub fn your_rate(language: Language) -> &'static str {
    language.pick("Your rate", "本机算力")
}

/// Hashes per second, in the unit that both languages have for it.
pub fn hash_rate(hashes_per_second: f64) -> String {
    format!("{} H/s", rate(hashes_per_second))
}

/// Names the human check.
pub fn human_check_heading(language: Language) -> &'static str {
    language.pick("Human check", "人机验证")
}

/// The button that has the human check tried again.
pub fn check_again(language: Language) -> &'static str {
    language.pick("Try the check again", "重新验证")
}

// -------------------------------------------------------------- best and bar

/// The heading of the scale.
pub fn best_against_bar(language: Language) -> &'static str {
    language.pick("Your best hash and the bar", "你的最佳哈希与门槛")
}

/// Where the bar stands.
pub fn bar(language: Language) -> &'static str {
    language.pick("Bar", "门槛")
}

/// The visitor's best hash.
pub fn best(language: Language) -> &'static str {
    language.pick("Your best", "你的最佳")
}

/// How to read the scale.
pub fn scale_hint(language: Language) -> &'static str {
    language.pick("A hash wins when it lies to the right of the bar.", "落在门槛右侧的哈希就能获胜。")
}

/// A rarity on the scale.
pub fn rarity(language: Language, expected: f64) -> String {
    one_in(language, expected)
}

/// A rarity on the scale's axis, where there is little room.
pub fn tick(language: Language, digits: u32) -> String {
    numbers::short(language, 16f64.powi(digits.try_into().unwrap_or(0)))
}

/// No best hash yet.
pub fn nothing_yet(language: Language) -> &'static str {
    language.pick("nothing yet", "暂无")
}

// --------------------------------------------------------------------- prizes

/// The heading above a code.
pub fn your_code(language: Language, round: RoundNumber) -> String {
    match language {
        English => format!("Your invite code from round {round}"),
        Chinese => format!("你在第 {round} 轮赢得的邀请码"),
    }
}

/// Opens the list of the codes won before.
pub fn earlier_codes(language: Language, count: usize) -> String {
    match language {
        English if count == 1 => "One more code, won earlier".into(),
        English => format!("{count} more codes, won earlier"),
        Chinese => format!("之前赢得的另外 {count} 个邀请码"),
    }
}

/// A code won before.
pub fn earlier_code(language: Language, round: RoundNumber) -> String {
    match language {
        English => format!("Round {round}"),
        Chinese => format!("第 {round} 轮"),
    }
}

/// The button that copies.
pub fn copy(language: Language) -> &'static str {
    language.pick("Copy", "复制")
}

/// The same for one code among several.
pub fn copy_code(language: Language, round: RoundNumber) -> String {
    match language {
        English => format!("Copy the code from round {round}"),
        Chinese => format!("复制第 {round} 轮的邀请码"),
    }
}

/// It is on the clipboard.
pub fn copied(language: Language) -> &'static str {
    language.pick("Copied", "已复制")
}

/// The browser does not allow copying, so the code is selected instead.
pub fn copy_by_hand(language: Language) -> &'static str {
    language.pick("Selected: copy it by hand", "已选中，请手动复制")
}

/// What to do with it.
pub fn code_hint(language: Language) -> &'static str {
    language.pick(
        "Best copy it now. After a reload it is shown here again, as long as your session lasts.",
        "建议现在就复制保存。在会话有效期内，刷新页面后这里会再次显示它。",
    )
}

// ------------------------------------------------------------------ the round

/// The heading of the common part.
pub fn the_round(language: Language, is_stale: bool) -> &'static str {
    if is_stale {
        language.pick("The round when last heard of", "最近一次收到的本轮情况")
    } else {
        language.pick("The round now", "本轮情况")
    }
}

/// Names the round's number.
pub fn round(language: Language) -> &'static str {
    language.pick("Round", "轮次")
}

/// Names the difficulty.
pub fn difficulty(language: Language) -> &'static str {
    language.pick("Difficulty", "难度")
}

/// A difficulty, in digits.
pub fn difficulty_digits(language: Language, digits: f64) -> String {
    let number = quantity(digits);
    match language {
        English if number == "1" => "1 digit".to_owned(),
        English => format!("{number} digits"),
        Chinese => format!("{number} 位"),
    }
}

/// What a difficulty means.
pub fn difficulty_meaning(language: Language, expected: f64) -> String {
    match language {
        English => format!("about {} tries", one_in(language, expected)),
        Chinese => format!("约每 {} 次尝试中 1 次", tries(expected)),
    }
}

/// Names the mining time.
pub fn mining_time(language: Language) -> &'static str {
    language.pick("Mining time", "挖矿时间")
}

/// The mining time stands still.
pub fn clock_stands(language: Language) -> &'static str {
    language.pick("waits for miners", "等待有人挖矿")
}

/// The mining time goes on.
pub fn clock_runs(language: Language) -> &'static str {
    language.pick("running", "计时中")
}

/// Names the network's rate.
pub fn network_rate(language: Language) -> &'static str {
    language.pick("Network", "全网算力")
}

/// Names the number of miners.
pub fn active_miners(language: Language) -> &'static str {
    language.pick("Mining now", "正在挖矿")
}

/// Names the number of open pages.
pub fn online(language: Language) -> &'static str {
    language.pick("Online", "在线")
}

/// A number of people.
pub fn people(language: Language, count: u32) -> String {
    let number = grouped(f64::from(count));
    match language {
        English => number,
        Chinese => format!("{number} 人"),
    }
}

/// Names the visitor id.
pub fn visitor_id(language: Language) -> &'static str {
    language.pick("Device id", "设备 ID")
}

/// A visitor id.
pub fn visitor(visitor: Option<&VisitorId>) -> String {
    visitor.map_or_else(|| "–".into(), ToString::to_string)
}

/// The heading of the log.
pub fn log_heading(language: Language) -> &'static str {
    language.pick("Log", "日志")
}
