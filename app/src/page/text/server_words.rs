//! What the server said, in the visitor's language.
//!
//! The server speaks English. Where the page has to tell what it said in another
//! language, it goes by the error's code, and passes on the server's own words
//! only where they say more than the code does.

use crate::{
    error::ErrorCode,
    language::Language::{self, Chinese, English},
    scene::ServerWords,
};

/// What the server said, to be put inside a sentence of the page.
pub(super) fn server_words(language: Language, words: &ServerWords) -> &str {
    let text = match language {
        English => None,
        Chinese => chinese(words.code),
    };
    text.unwrap_or_else(|| words.detail.trim_end_matches('.'))
}

/// Why something has to be tried again.
pub(super) fn cause(language: Language, words: Option<&ServerWords>) -> &str {
    match words {
        Some(words) => server_words(language, words),
        None => language.pick("the server did not answer", "服务器没有回应"),
    }
}

const fn chinese(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        // Which part of the message is meant, only the server's own words say.
        ErrorCode::Malformed | ErrorCode::UnknownMessage => return None,
        // Said to other servers alone.
        ErrorCode::InvalidKey
        | ErrorCode::MissingScope
        | ErrorCode::UnknownCode
        | ErrorCode::AlreadyRedeemed
        | ErrorCode::Expired
        | ErrorCode::Revoked
        | ErrorCode::IdempotencyKeyReused => return None,
        ErrorCode::BodyTooLarge => "请求过大",
        ErrorCode::UriTooLong => "请求的地址过长",
        ErrorCode::UnsupportedMediaType => "请求的类型不对",
        ErrorCode::NotFound => "请求的地址不存在",
        ErrorCode::MethodNotAllowed => "请求的方式不对",
        ErrorCode::RequestTimeout => "请求没有及时送达",
        ErrorCode::CrossSite => "请求来自其他网站的页面",
        ErrorCode::MissingToken => "会话无效，或者尚未通过人机验证",
        ErrorCode::TurnstileFailed => "人机验证没有通过",
        ErrorCode::TurnstileUnavailable => "暂时无法进行人机验证",
        ErrorCode::DropScheduled => "发放尚未开始",
        ErrorCode::DropPaused => "发放已暂停",
        ErrorCode::DropOver => "发放已结束",
        ErrorCode::QuotaReached => "已达到可赢得的上限",
        ErrorCode::TooSoonAfterWin => "刚刚有人获胜，稍后才能再次获胜",
        ErrorCode::StampRequired => "缺少有效的工作量证明",
        ErrorCode::IdentityMismatch => "请求来自的地址与提交的地址不一致",
        ErrorCode::VisitorMismatch => "这个会话属于另一个设备 ID",
        ErrorCode::PuzzleAlreadySolved => "这一轮已经有人获胜",
        ErrorCode::BelowDifficulty => "这个哈希没有越过门槛",
        ErrorCode::TooManySubmissions => "提交得太频繁",
        ErrorCode::TooManyRequests => "请求太多，请稍候",
        ErrorCode::VerificationBusy => "服务器正忙",
        ErrorCode::HashMismatch => "哈希与提交的随机数不符",
        ErrorCode::ServerFull => "同时在线的人太多，请稍候",
        ErrorCode::StorageUnavailable => "服务器暂时无法保存结果，比赛先停一停",
        ErrorCode::ShuttingDown => "服务器正在停止运行",
        ErrorCode::BadNick => "昵称为 1 到 32 个字母、数字或符号，且不能以数字开头",
        ErrorCode::NotLoggedIn => "尚未进入聊天室",
        ErrorCode::WrongPassword => "昵称或密码不对",
        ErrorCode::NotOnChannel => "只有频道成员才能查看",
        ErrorCode::NickTaken => "这个昵称已被使用",
        ErrorCode::LobbyBusy => "聊天室正忙，请稍候",
        ErrorCode::LobbyClosed => "聊天室暂不开放",
        ErrorCode::Internal => "服务器出了问题",
        ErrorCode::BadHashrate => "报告的算力不合理",
        ErrorCode::BadShare => "工作量证明不成立",
        ErrorCode::Unreachable => "无法连上服务器",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_told_in_chinese_and_the_servers_words_in_english() {
        let busy = ServerWords { code: ErrorCode::VerificationBusy, detail: "Too much to verify.".into() };
        assert_eq!(server_words(English, &busy), "Too much to verify");
        assert_eq!(server_words(Chinese, &busy), "服务器正忙");
        assert_eq!(cause(English, None), "the server did not answer");
    }

    #[test]
    fn what_only_the_server_knows_is_told_in_its_own_words() {
        let malformed = ServerWords { code: ErrorCode::Malformed, detail: "missing field `nonce`".into() };
        assert_eq!(server_words(Chinese, &malformed), "missing field `nonce`");
    }
}
