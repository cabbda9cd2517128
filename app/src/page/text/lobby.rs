//! The lobby's words.

use super::{
    numbers::{grouped, quantity, rate},
    server_words::server_words,
};
use crate::{
    language::Language::{self, Chinese, English},
    scene::lobby::{Access, Line, Progress, Said},
};
use serde_json::Value;

/// Names the choice between race and lobby.
pub fn pages(language: Language) -> &'static str {
    language.pick("Pages", "页面")
}

/// The race's link.
pub fn race(language: Language) -> &'static str {
    language.pick("Race", "竞赛")
}

/// The lobby's link and heading.
pub fn lobby(language: Language) -> &'static str {
    language.pick("Lobby", "聊天室")
}

/// The heading of the lobby's own page.
pub fn headline(language: Language) -> &'static str {
    language.pick("The lobby", "聊天室")
}

/// What it is.
pub fn lead(language: Language) -> &'static str {
    language.pick(
        "Talk with others while the hashes run. Everybody may read; your device goes on mining.",
        "一边算哈希，一边和大家聊聊。任何人都可以阅读；你的设备会继续挖矿。",
    )
}

/// A number of unread messages.
pub fn unread(language: Language, count: u32) -> String {
    match language {
        English => format!("{count} new"),
        Chinese => format!("{count} 条新消息"),
    }
}

/// How many are here.
pub fn people(language: Language, count: usize) -> String {
    let number = grouped(count as f64);
    match language {
        English if count == 1 => "1 person here".into(),
        English => format!("{number} people here"),
        Chinese => format!("{number} 人在此"),
    }
}

/// Names the tabs.
pub fn conversations(language: Language) -> &'static str {
    language.pick("Conversations", "会话")
}

/// Names the lines.
pub fn messages(language: Language) -> &'static str {
    language.pick("Messages", "消息")
}

/// Nothing was said yet.
pub fn silence(language: Language) -> &'static str {
    language.pick("Nobody has said anything yet.", "还没有人说话。")
}

/// Names the members.
pub fn members(language: Language) -> &'static str {
    language.pick("Members", "成员")
}

/// More members than are shown.
pub fn more_members(language: Language, count: usize) -> String {
    match language {
        English => format!("and {} more", grouped(count as f64)),
        Chinese => format!("以及另外 {} 人", grouped(count as f64)),
    }
}

/// A rank, for those who cannot tell it by its sign.
pub fn rank(language: Language, prefix: &str) -> &'static str {
    match prefix {
        "@" => language.pick("operator", "管理员"),
        "+" => language.pick("voice", "发言者"),
        _ => "",
    }
}

/// Marked as away.
pub fn away(language: Language) -> &'static str {
    language.pick("away", "离开")
}

/// There is no topic.
pub fn no_topic(language: Language) -> &'static str {
    language.pick("No topic is set.", "没有设置话题。")
}

/// The button that leaves a channel or closes a conversation.
pub fn close(language: Language, name: &str) -> String {
    match language {
        English => format!("Leave {name}"),
        Chinese => format!("离开 {name}"),
    }
}

/// Names the composer.
pub fn composer(language: Language, to: &str) -> String {
    match language {
        English => format!("Message to {to}"),
        Chinese => format!("发给 {to} 的消息"),
    }
}

/// The button that sends.
pub fn send(language: Language) -> &'static str {
    language.pick("Send", "发送")
}

/// The button that comes in.
pub fn enter(language: Language) -> &'static str {
    language.pick("Join the talk", "加入聊天")
}

/// How far in the visitor is, and what that means.
pub fn access(language: Language, access: &Access) -> String {
    let text = match access {
        Access::Reading => {
            language.pick("Reading is open to everybody. To speak, join.", "任何人都可以阅读；想发言，请加入。")
        }
        Access::Entering => language.pick("Coming in …", "正在进入……"),
        Access::Proving(_) => language.pick("Computing proof-of-work…", "正在计算工作量证明……"),
        Access::Inside => "",
        Access::Closed => {
            language.pick("The lobby is closed at the moment; the race goes on.", "聊天室暂不开放；竞赛照常进行。")
        }
        Access::Refused(words) => {
            let words = server_words(language, words);
            return match language {
                English => format!("You cannot come in now: {words}."),
                Chinese => format!("暂时无法进入：{words}。"),
            };
        }
        Access::NoWorker => language.pick(
            "The worker that computes the proof did not come up. Please check your connection and try again.",
            "计算工作量证明的工作线程没有启动。请检查网络连接后重试。",
        ),
    };
    text.to_owned()
}

/// News may be missing.
pub fn stale(language: Language) -> &'static str {
    language.pick("Catching up with what was said …", "正在补上错过的消息……")
}

/// Who is here under which name.
pub fn you_are(language: Language, nick: &str) -> String {
    match language {
        English => format!("You are {nick}"),
        Chinese => format!("你是 {nick}"),
    }
}

/// A line that is not there yet, or will never be.
pub fn progress(language: Language, progress: &Progress) -> String {
    match (language, progress) {
        (_, Progress::Delivered) => String::new(),
        (English, Progress::Proving(bits)) => format!("computing a proof of {bits} bits …"),
        (Chinese, Progress::Proving(bits)) => format!("正在计算 {bits} 位工作量证明……"),
        (English, Progress::Sending) => "sending …".into(),
        (Chinese, Progress::Sending) => "正在发送……".into(),
        (English, Progress::Failed(why)) if why.is_empty() => "not delivered".into(),
        (Chinese, Progress::Failed(why)) if why.is_empty() => "未能送达".into(),
        (English, Progress::Failed(why)) => format!("not delivered: {why}"),
        (Chinese, Progress::Failed(why)) => format!("未能送达：{why}"),
    }
}

/// What a line says, after the nick of whoever speaks.
pub fn said(language: Language, line: &Line) -> String {
    let with = |text: &str, word: &String| {
        if word.is_empty() { text.to_owned() } else { format!("{text} ({word})") }
    };
    match &line.said {
        Said::Message(text) | Said::Action(text) | Said::Notice(text) | Said::Reply(text) | Said::Refusal(text) => {
            text.clone()
        }
        Said::News(text, meta) => news(language, meta).unwrap_or_else(|| text.clone()),
        Said::Joined => language.pick("came in", "进来了").into(),
        Said::Left(word) => with(language.pick("left", "离开了"), word),
        Said::Quit(word) => with(language.pick("left the lobby", "离开了聊天室"), word),
        Said::Renamed(nick) => match language {
            English => format!("is now {nick}"),
            Chinese => format!("改名为 {nick}"),
        },
        Said::Topic(topic) => match language {
            English => format!("set the topic: {topic}"),
            Chinese => format!("设置了话题：{topic}"),
        },
        Said::Mode(modes) => match language {
            English => format!("set mode {modes}"),
            Chinese => format!("设置了模式 {modes}"),
        },
        Said::Kicked(nick, why) => match language {
            English => with(&format!("removed {nick}"), why),
            Chinese => with(&format!("请出了 {nick}"), why),
        },
        Said::Invited(channel) => match language {
            English => format!("invites you to {channel}"),
            Chinese => format!("邀请你加入 {channel}"),
        },
        Said::Help => help(language).into(),
        Said::UnknownCommand(name) => match language {
            English => format!("There is no command /{name}; /help lists what there is."),
            Chinese => format!("没有 /{name} 这个命令；输入 /help 查看所有命令。"),
        },
        Said::Incomplete(name) => match language {
            English => format!("/{name} needs more than that; /help says what."),
            Chinese => format!("/{name} 的内容不完整；输入 /help 查看用法。"),
        },
        Said::Rate(hashes) => match language {
            English => format!("This page makes {} H/s.", rate(*hashes)),
            Chinese => format!("本页的算力为 {} H/s。", rate(*hashes)),
        },
    }
}

/// True if the line begins with the nick of whoever it is about.
pub fn names_somebody(said: &Said) -> bool {
    !matches!(
        said,
        Said::News(..)
            | Said::Reply(_)
            | Said::Refusal(_)
            | Said::Help
            | Said::UnknownCommand(_)
            | Said::Incomplete(_)
            | Said::Rate(_)
    )
}

/// News of the race. `None` for what this page does not know yet.
fn news(language: Language, meta: &Value) -> Option<String> {
    let number = |key: &str| meta.get(key).and_then(Value::as_f64).map(quantity);
    Some(match (meta.get("event")?.as_str()?, language) {
        ("win", English) => format!("{} won.", meta.get("nick").and_then(Value::as_str).unwrap_or("A miner")),
        ("win", Chinese) => match meta.get("nick").and_then(Value::as_str) {
            Some(nick) => format!("{nick} 获胜了。"),
            None => "有人获胜了。".into(),
        },
        ("reset", language) => {
            let (round, reason) = (number("round")?, meta.get("reason")?.as_str()?);
            match (language, reason) {
                (English, "solved") => format!("Round {round} begins: the last one was solved."),
                (English, "timeout") => format!("Round {round} begins: nobody solved the last one in time."),
                (English, _) => format!("Round {round} begins: the operator asked for it."),
                (Chinese, "solved") => format!("第 {round} 轮开始：上一轮已有人获胜。"),
                (Chinese, "timeout") => format!("第 {round} 轮开始：上一轮限时内无人获胜。"),
                (Chinese, _) => format!("第 {round} 轮由管理员开启。"),
            }
        }
        ("difficulty", English) => format!("The difficulty goes from {} to {}.", number("from")?, number("to")?),
        ("difficulty", Chinese) => format!("难度由 {} 变为 {}。", number("from")?, number("to")?),
        _ => return None,
    })
}

fn help(language: Language) -> &'static str {
    language.pick(
        "/join #channel · /part · /msg nick text · /me does something · /nick name · /topic text · /mode +H 20 · \
         /kick nick · /invite nick · /away text · /names · /list · /whois nick · /quit\n\
         For the race: /mine · /stop · /rate",
        "/join #频道 · /part 离开 · /msg 昵称 内容 · /me 动作 · /nick 新昵称 · /topic 话题 · /mode +H 20 · \
         /kick 昵称 · /invite 昵称 · /away 留言 · /names 成员 · /list 频道 · /whois 昵称 · /quit 退出\n\
         竞赛：/mine 开始挖矿 · /stop 停止 · /rate 算力",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn news_is_told_in_the_visitors_language() {
        let solved = json!({"event": "reset", "round": 18, "reason": "solved", "difficulty": 3.5});
        assert_eq!(news(English, &solved).unwrap(), "Round 18 begins: the last one was solved.");
        assert_eq!(news(Chinese, &solved).unwrap(), "第 18 轮开始：上一轮已有人获胜。");
        assert_eq!(news(English, &json!({"event": "win", "nick": null})).unwrap(), "A miner won.");
        assert_eq!(news(English, &json!({"event": 5})), None);
        assert_eq!(news(English, &json!({"event": "comet"})), None);
    }
}
