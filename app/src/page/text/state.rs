//! What the page is doing, how it stands, and what can be expected of it.

use super::{
    numbers::{one_in, part, rate, time, tries, waiting},
    server_words::server_words,
};
use crate::{
    language::Language::{self, Chinese, English},
    scene::{Best, CheckFailure, Connection, Failure, HumanCheck, Pause, Phase, Scene},
};

/// The title of the document, and of the window while nothing happens.
pub fn title(language: Language, in_lobby: bool, site: &str) -> String {
    let what = if in_lobby {
        language.pick("The lobby", "聊天室")
    } else {
        language.pick("A fair race for invite codes", "公平的邀请码竞赛")
    };
    format!("{what} · {site}")
}

/// The title of the window; it tells of a win while the visitor looks elsewhere.
pub fn window_title(language: Language, phase: &Phase, in_lobby: bool, site: &str) -> String {
    let what = match phase {
        Phase::Won(_) => language.pick("You won!", "你赢了！"),
        Phase::Starting | Phase::Mining | Phase::Submitting => language.pick("Mining", "挖矿中"),
        Phase::AwaitingDrop => language.pick("Waiting", "等待开始"),
        Phase::Over => language.pick("Over", "已结束"),
        Phase::Paused(_) => language.pick("Paused", "已暂停"),
        Phase::Failed(_) => language.pick("Stopped", "已停止"),
        Phase::Checking | Phase::Idle => return title(language, in_lobby, site),
    };
    format!("{what} · {site}")
}

/// What the page is doing: the status line.
pub fn status(language: Language, phase: &Phase) -> String {
    let text = match phase {
        Phase::Checking => language.pick("Checking whether you may take part …", "正在确认你能否参与……"),
        Phase::Idle => language.pick("Ready when you are.", "准备就绪，随时可以开始。"),
        Phase::Starting => language.pick("Starting the workers …", "正在启动工作线程……"),
        Phase::AwaitingDrop => language.pick(
            "You are in. Mining begins by itself when the drop opens.",
            "你已准备就绪，发放开始时会自动开始挖矿。",
        ),
        Phase::Over => language.pick("The drop is over.", "发放已结束。"),
        Phase::Paused(Pause::DropPaused) => language.pick(
            "The drop is paused. Mining goes on by itself when it is resumed.",
            "发放已暂停，恢复后会自动继续挖矿。",
        ),
        Phase::Failed(Failure::QuotaReached { .. }) => {
            language.pick("You have won as much as you may.", "你已达到可赢得的上限。")
        }
        Phase::Mining => language.pick("Mining.", "正在挖矿。"),
        Phase::Submitting => language.pick("Found one! Handing it in …", "找到了！正在提交……"),
        Phase::Won(round) => {
            return match language {
                English => format!("You won round {round}!"),
                Chinese => format!("你赢得了第 {round} 轮！"),
            };
        }
        Phase::Paused(Pause::ConnectionLost) => language.pick(
            "Paused: the connection is lost. Mining goes on by itself when it is back.",
            "已暂停：连接断开了。恢复后会自动继续挖矿。",
        ),
        Phase::Paused(Pause::ServerUnreachable) => language.pick(
            "The server cannot be reached at the moment. Trying again by itself.",
            "暂时无法连上服务器，正在自动重试。",
        ),
        Phase::Paused(Pause::TraceUnreadable) => language.pick(
            "The server cannot say which address it sees you at. Trying again by itself.",
            "服务器暂时无法确定你的地址，正在自动重试。",
        ),
        Phase::Paused(Pause::HumanCheck) => {
            language.pick("Waiting for the human check below.", "正在等待下方的人机验证。")
        }
        Phase::Failed(Failure::NotVerified | Failure::EntryRefused(_) | Failure::SessionNotKept) => {
            language.pick("You cannot take part at the moment.", "你暂时无法参与。")
        }
        Phase::Failed(_) => language.pick("Mining has stopped.", "挖矿已停止。"),
    };
    text.to_owned()
}

/// What went wrong and what the visitor can do about it; empty if nothing did.
pub fn trouble(language: Language, phase: &Phase) -> String {
    let Phase::Failed(failure) = phase else { return String::new() };
    let text = match failure {
        Failure::NotVerified => language.pick(
            "The server does not take you for a human, although the check has passed. Reloading the page tries again.",
            "人机验证已经通过，但服务器仍不认可。刷新页面可以再试一次。",
        ),
        Failure::EntryRefused(words) => {
            let words = server_words(language, words);
            return match language {
                English => format!("The server does not let you in: {words}. Reloading the page tries again."),
                Chinese => format!("服务器不允许你参与：{words}。刷新页面可以再试一次。"),
            };
        }
        Failure::SessionNotKept => language.pick(
            "The server does not recognise its own session: this browser does not seem to keep this site's cookie. \
             Please allow it and reload the page.",
            "服务器认不出它刚建立的会话：这个浏览器似乎没有保存本站的 Cookie。请允许保存，然后刷新页面。",
        ),
        Failure::MinerNotLoaded => language.pick(
            "The worker's program could not be loaded. Please check your connection and try again; a content blocker \
             can be the cause too.",
            "无法加载挖矿程序。请检查网络连接后重试；也可能是被内容拦截器挡住了。",
        ),
        Failure::MinerFaulty => language.pick(
            "This browser computes wrong hashes, which could never win, so mining has stopped. Another browser may do \
             better.",
            "这个浏览器算出的哈希不正确，不可能获胜，所以挖矿已停止。换一个浏览器也许就好了。",
        ),
        Failure::OutOfMemory => language.pick(
            "This device has not enough free memory for a single worker. Closing other tabs or programs may help.",
            "这台设备的可用内存不够运行一个工作线程。关闭其他标签页或程序也许会有帮助。",
        ),
        Failure::MinerStalled => language.pick(
            "The workers stopped answering. Trying again starts new ones.",
            "工作线程不再响应。点击“重试”会启动新的线程。",
        ),
        Failure::AddressUnstable => language.pick(
            "Your requests keep arriving from another address than the server told you, perhaps because of a VPN or \
             two kinds of addresses. Solutions cannot be accepted like that.",
            "你的请求总是来自与服务器所见不同的地址，可能是因为 VPN，或者 IPv4 与 IPv6 并用。\
             这样提交的答案无法被接受。",
        ),
        Failure::QuotaReached { by_network: false } => language.pick(
            "You have won as many codes as one person may. They stay on this page.",
            "你已赢得每人可得的全部邀请码，它们仍保留在本页。",
        ),
        Failure::QuotaReached { by_network: true } => language.pick(
            "As many codes as one network may win have been won from yours. A code of yours stays on this page.",
            "你所在的网络已赢得每个网络可得的全部邀请码。你的邀请码仍保留在本页。",
        ),
        Failure::SolutionsRefused(words) => {
            let words = server_words(language, words);
            return match language {
                English => format!("The server refuses the solutions of this page: {words}."),
                Chinese => format!("服务器不接受本页提交的答案：{words}。"),
            };
        }
    };
    text.to_owned()
}

/// The chance of one try, and what it means for this visitor.
pub fn odds(language: Language, scene: &Scene) -> String {
    match language {
        English => english_odds(scene),
        Chinese => chinese_odds(scene),
    }
}

fn english_odds(scene: &Scene) -> String {
    let mut text = format!("About {} tries wins at this moment", one_in(English, scene.target.expected_hashes()));
    match scene.typical_round {
        Some(typical) => text.push_str(&format!(
            ", more and more while the bar comes down. Rounds are meant to last about {} of mining.",
            waiting(English, typical)
        )),
        None => text.push('.'),
    }
    if scene.local_rate <= 0.0 {
        return text;
    }
    text.push_str(&format!(" You make {} a second: ", rate(scene.local_rate)));
    match scene.half_win_within {
        Some(within) => {
            text.push_str(&format!("half of visitors like you win within {}, if alone.", waiting(English, within)));
        }
        None => text.push_str("alone you would need more than a day."),
    }
    match scene.part_of_rounds {
        _ if scene.figures.active_miners < 2 => text.push_str(" Nobody else is mining now."),
        Some(part_of_rounds) => {
            text.push_str(&format!(" In company like this you win {} of rounds.", part(English, part_of_rounds)))
        }
        None => {}
    }
    text
}

fn chinese_odds(scene: &Scene) -> String {
    let mut text = format!("此刻大约每 {} 次尝试中 1 次", tries(scene.target.expected_hashes()));
    match scene.typical_round {
        Some(typical) => {
            text.push_str(&format!("，门槛越低，机会越大。每一轮大约要挖 {}。", waiting(Chinese, typical)))
        }
        None => text.push('。'),
    }
    if scene.local_rate <= 0.0 {
        return text;
    }
    text.push_str(&format!("你每秒尝试 {} 次：", rate(scene.local_rate)));
    match scene.half_win_within {
        Some(within) => {
            text.push_str(&format!("如果只有你一人，有一半的机会在 {}内获胜。", waiting(Chinese, within)));
        }
        None => text.push_str("如果只有你一人，需要一天以上。"),
    }
    match scene.part_of_rounds {
        _ if scene.figures.active_miners < 2 => text.push_str("现在没有别人在挖矿。"),
        Some(part_of_rounds) => {
            text.push_str(&format!("和现在这些人一起，你能赢下{} 的轮次。", part(Chinese, part_of_rounds)))
        }
        None => {}
    }
    text
}

/// When the best hash wins.
pub fn best_outlook(language: Language, best: Option<&Best>, clock_running: bool) -> String {
    let Some(Best { rarity, wins_in, .. }) = best else {
        return language.pick("No hash of yours in this round yet.", "本轮你还没有找到哈希。").to_owned();
    };
    let best = one_in(language, *rarity);
    match (language, wins_in) {
        (English, Some(left)) if left.is_zero() => format!("Your best hash, {best}, has cleared the bar."),
        (Chinese, Some(left)) if left.is_zero() => format!("你的最佳哈希（{best}）已经越过门槛。"),
        (English, Some(left)) => {
            let left = time(*left);
            let when = if clock_running { format!("in {left}") } else { format!("after {left} more of mining") };
            format!("Your best hash, {best}, wins {when}, unless somebody is faster.")
        }
        (Chinese, Some(left)) => {
            let left = time(*left);
            let when =
                if clock_running { format!("将在 {left} 后获胜") } else { format!("再挖 {left} 就能获胜") };
            format!("你的最佳哈希（{best}）{when}，除非有人抢先。")
        }
        (English, None) => format!("Your best hash, {best}, is not rare enough to win."),
        (Chinese, None) => format!("你的最佳哈希（{best}）还不够稀有，无法获胜。"),
    }
}

/// The live connection.
pub fn connection(language: Language, connection: Connection) -> String {
    match (language, connection) {
        (_, Connection::Closed) => language.pick("Not connected", "未连接").into(),
        (_, Connection::Connecting) => language.pick("Connecting …", "正在连接……").into(),
        (_, Connection::Open) => language.pick("Connected", "已连接").into(),
        (English, Connection::Waiting { seconds }) => format!("Connection lost, next try in {seconds} s"),
        (Chinese, Connection::Waiting { seconds }) => format!("连接断开，{seconds} 秒后重试"),
    }
}

/// What the human check is doing, and what the visitor can do about it.
pub fn human_check(language: Language, check: &HumanCheck) -> String {
    let failure = match check {
        HumanCheck::Hidden => return String::new(),
        HumanCheck::Loading => return language.pick("Loading the check …", "正在加载验证……").into(),
        HumanCheck::Running => return language.pick("Checking …", "正在验证……").into(),
        HumanCheck::Interactive => {
            return language.pick("Please answer it to take part.", "请完成验证，然后即可参与。").into();
        }
        HumanCheck::Passed => return language.pick("Passed. Thank you.", "已通过，谢谢。").into(),
        HumanCheck::Renewing => {
            return language
                .pick("The check renews itself. Your session goes on.", "验证正在自动更新，你的会话不受影响。")
                .into();
        }
        HumanCheck::NotRenewed => {
            let text = "The check is not renewed. Your session goes on without it.";
            return language.pick(text, "验证没有更新，你的会话照常继续。").into();
        }
        HumanCheck::Failed(failure) => failure,
    };
    let text = match failure {
        CheckFailure::NotLoaded => language.pick(
            "The check could not be loaded. A content blocker or the network may be in its way: please let it through, \
             then try again.",
            "无法加载验证，可能是被内容拦截器或网络挡住了。请放行后重试。",
        ),
        CheckFailure::Slow => language.pick(
            "The check has not answered yet. If it still comes, it goes on by itself; otherwise please try again.",
            "验证还没有回应。如果稍后出现，会自动继续；否则请重试。",
        ),
        CheckFailure::Error(code) => {
            return match language {
                English => format!(
                    "The check did not pass (code {code}). Please try again; another browser or network may help too."
                ),
                Chinese => format!("验证没有通过（代码 {code}）。请重试；换一个浏览器或网络也许会有帮助。"),
            };
        }
        CheckFailure::Unsupported => language.pick(
            "The check does not work in this browser. Please update it or take another one.",
            "这个浏览器无法进行验证。请更新浏览器，或者换一个再试。",
        ),
        CheckFailure::Refused(codes) if codes.is_empty() => {
            language.pick("The server did not accept the check. Please try again.", "服务器没有接受这次验证，请重试。")
        }
        CheckFailure::Refused(codes) => {
            let codes = codes.join(", ");
            return match language {
                English => format!("The server did not accept the check ({codes}). Please try again."),
                Chinese => format!("服务器没有接受这次验证（{codes}），请重试。"),
            };
        }
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::ErrorCode, scene::ServerWords};

    #[test]
    fn every_failed_check_is_told_with_a_way_on() {
        let failures = [
            CheckFailure::NotLoaded,
            CheckFailure::Slow,
            CheckFailure::Error("300030".into()),
            CheckFailure::Unsupported,
            CheckFailure::Refused(Vec::new()),
            CheckFailure::Refused(vec!["hostname-mismatch".into()]),
        ];
        for failure in failures {
            let check = HumanCheck::Failed(failure);
            let (english, chinese) = (human_check(English, &check), human_check(Chinese, &check));
            assert!(english.contains("lease") && english.ends_with('.'), "{check:?}: {english}");
            assert!(chinese.ends_with('。'), "{check:?}: {chinese}");
        }
        let error = HumanCheck::Failed(CheckFailure::Error("300030".into()));
        assert!(human_check(English, &error).contains("300030") && human_check(Chinese, &error).contains("300030"));
        assert_eq!(human_check(English, &HumanCheck::Hidden), "");
    }

    #[test]
    fn every_failure_is_told_with_a_way_on() {
        let words = ServerWords { code: ErrorCode::TurnstileFailed, detail: "No.".into() };
        let failures = [
            Failure::NotVerified,
            Failure::EntryRefused(words.clone()),
            Failure::SessionNotKept,
            Failure::MinerNotLoaded,
            Failure::MinerFaulty,
            Failure::OutOfMemory,
            Failure::MinerStalled,
            Failure::AddressUnstable,
            Failure::SolutionsRefused(words),
            Failure::QuotaReached { by_network: false },
            Failure::QuotaReached { by_network: true },
        ];
        for failure in failures {
            let phase = Phase::Failed(failure);
            let text = trouble(English, &phase);
            assert!(30 < text.len() && text.ends_with('.') && !text.contains(".."), "{phase:?}: {text}");
            let text = trouble(Chinese, &phase);
            assert!(30 < text.len() && text.ends_with('。') && !text.contains("。。"), "{phase:?}: {text}");
        }
        assert_eq!(trouble(English, &Phase::Mining), "");
    }
}
