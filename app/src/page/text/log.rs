//! The lines of the log.

use super::{
    drop,
    numbers::{one_in, quantity},
    server_words::{cause, server_words},
};
use crate::{
    language::Language::{self, Chinese, English},
    scene::Note,
};

/// A line of the log.
pub fn note(language: Language, note: &Note) -> String {
    match language {
        English => english(note),
        Chinese => chinese(note),
    }
}

fn english(note: &Note) -> String {
    let again = |seconds: &f64| format!("trying again in {} s", quantity(seconds.ceil()));
    match note {
        Note::Admitted => "You may take part.".into(),
        Note::EntryDelayed { words, retry_in } => {
            format!("Not let in yet ({}), {}.", cause(English, words.as_ref()), again(retry_in))
        }
        Note::SessionRenewed => "The server does not know this session any more; making a new one.".into(),
        Note::Identified(visitor) => format!("This device is {visitor}."),
        Note::IdentifiedAtRandom(visitor) => {
            format!("The fingerprint did not work here; this device takes part under the random id {visitor}.")
        }
        Note::TraceUnreadable { retry_in } => format!("The address trace could not be read, {}.", again(retry_in)),
        Note::Connected => "Connected.".into(),
        Note::Disconnected { retry_in } => format!("Connection lost, {}.", again(retry_in)),
        Note::Rejected(words) => format!("The server closed the connection: {}.", server_words(English, words)),
        Note::MessageRefused(words) => format!("The server says: {}.", server_words(English, words)),
        Note::RoundSolved { ended, solve_time: Some(seconds), begun } => {
            format!("Somebody won round {ended} after {} s of mining. Round {begun} has begun.", quantity(*seconds))
        }
        Note::RoundSolved { ended, solve_time: None, begun } => {
            format!("Somebody won round {ended}. Round {begun} has begun.")
        }
        Note::RoundTimedOut(begun) => format!("Nobody won in time. Round {begun} has begun, and it is easier."),
        Note::RoundReset(begun) => format!("The operator began round {begun}."),
        Note::RoundMissed(begun) => format!("While the connection was away, round {begun} began."),
        Note::Drop(state, reason) => format!("{}.", drop::state(English, *state, *reason)),
        Note::CoolingDown { retry_in } => {
            format!("You have just won: your next win counts in {} s.", quantity(retry_in.ceil()))
        }
        Note::Started { workers: 1 } => "Started with one worker.".into(),
        Note::Started { workers } => format!("Started with {workers} workers."),
        Note::Stopped { best_kept: true } => "Stopped. Your best hash of this round still counts.".into(),
        Note::Stopped { best_kept: false } => "Stopped.".into(),
        Note::Paused => "Mining pauses.".into(),
        Note::Resumed => "Mining goes on.".into(),
        Note::FewerWorkers(1) => "Memory is short: one worker goes on.".into(),
        Note::FewerWorkers(workers) => format!("Memory is short: {workers} workers go on."),
        Note::BetterHash(rarity) => format!("New best hash: {}.", one_in(English, *rarity)),
        Note::Submitted(round) => format!("Handed in a solution for round {round}."),
        Note::Won(round) => format!("Won round {round}!"),
        Note::TooLate(round) => format!("Somebody was faster in round {round}."),
        Note::TooEarly { valid_in } => format!("A little early: the hash wins in {} s.", quantity(*valid_in)),
        Note::NotGoodEnough => "That hash does not clear the bar.".into(),
        Note::AddressChanged => "Your address has changed; mining goes on with the new one.".into(),
        Note::AnswerMissing { words, retry_in } => {
            format!("No verdict yet ({}). The solution is kept, {}.", cause(English, words.as_ref()), again(retry_in))
        }
        Note::Refused(words) => format!("The server refused the solution: {}.", server_words(English, words)),
        Note::CheckWaits => "The human check waits for you.".into(),
        Note::CheckFailed => "The human check did not pass.".into(),
        Note::CheckRepeated => "The human check was used already; asking it again.".into(),
        Note::CheckExpired => "The human check has expired and renews itself; your session goes on.".into(),
    }
}

fn chinese(note: &Note) -> String {
    let again = |seconds: &f64| format!("{} 秒后重试", quantity(seconds.ceil()));
    match note {
        Note::Admitted => "你可以参与了。".into(),
        Note::EntryDelayed { words, retry_in } => {
            format!("暂时还不能参与（{}），{}。", cause(Chinese, words.as_ref()), again(retry_in))
        }
        Note::SessionRenewed => "服务器已不认得这个会话，正在建立新的会话。".into(),
        Note::Identified(visitor) => format!("这台设备的 ID 是 {visitor}。"),
        Note::IdentifiedAtRandom(visitor) => {
            format!("这里无法识别设备指纹，这台设备将以随机 ID {visitor} 参与。")
        }
        Note::TraceUnreadable { retry_in } => format!("无法读取地址信息，{}。", again(retry_in)),
        Note::Connected => "已连接。".into(),
        Note::Disconnected { retry_in } => format!("连接已断开，{}。", again(retry_in)),
        Note::Rejected(words) => format!("服务器关闭了连接：{}。", server_words(Chinese, words)),
        Note::MessageRefused(words) => format!("服务器提示：{}。", server_words(Chinese, words)),
        Note::RoundSolved { ended, solve_time: Some(seconds), begun } => {
            format!("有人挖了 {} 秒后赢得第 {ended} 轮。第 {begun} 轮已经开始。", quantity(*seconds))
        }
        Note::RoundSolved { ended, solve_time: None, begun } => {
            format!("有人赢得了第 {ended} 轮。第 {begun} 轮已经开始。")
        }
        Note::RoundTimedOut(begun) => format!("限时内无人获胜。第 {begun} 轮已经开始，难度有所降低。"),
        Note::RoundReset(begun) => format!("管理员开启了第 {begun} 轮。"),
        Note::RoundMissed(begun) => format!("连接中断期间，第 {begun} 轮已经开始。"),
        Note::Drop(state, reason) => format!("{}。", drop::state(Chinese, *state, *reason)),
        Note::CoolingDown { retry_in } => {
            format!("你刚刚赢过一次，再过 {} 秒下一次获胜才算数。", quantity(retry_in.ceil()))
        }
        Note::Started { workers } => format!("已启动 {workers} 个工作线程。"),
        Note::Stopped { best_kept: true } => "已停止。你在本轮的最佳哈希仍然有效。".into(),
        Note::Stopped { best_kept: false } => "已停止。".into(),
        Note::Paused => "挖矿已暂停。".into(),
        Note::Resumed => "挖矿继续进行。".into(),
        Note::FewerWorkers(workers) => format!("内存不足，改用 {workers} 个工作线程继续。"),
        Note::BetterHash(rarity) => format!("新的最佳哈希：{}。", one_in(Chinese, *rarity)),
        Note::Submitted(round) => format!("已提交第 {round} 轮的答案。"),
        Note::Won(round) => format!("赢得第 {round} 轮！"),
        Note::TooLate(round) => format!("第 {round} 轮有人抢先了一步。"),
        Note::TooEarly { valid_in } => format!("早了一点：这个哈希还要 {} 秒才能获胜。", quantity(*valid_in)),
        Note::NotGoodEnough => "这个哈希没有越过门槛。".into(),
        Note::AddressChanged => "你的地址变了，将以新地址继续挖矿。".into(),
        Note::AnswerMissing { words, retry_in } => {
            format!("还没有结果（{}）。答案已保留，{}。", cause(Chinese, words.as_ref()), again(retry_in))
        }
        Note::Refused(words) => format!("服务器没有接受答案：{}。", server_words(Chinese, words)),
        Note::CheckWaits => "人机验证在等你完成。".into(),
        Note::CheckFailed => "人机验证没有通过。".into(),
        Note::CheckRepeated => "这次人机验证已经用过，正在重新验证。".into(),
        Note::CheckExpired => "人机验证已过期，正在自动更新；你的会话不受影响。".into(),
    }
}
