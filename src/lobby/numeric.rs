//! Numerics: the replies and errors of IRC, RFC 1459 section 6 and RFC 2812
//! section 5, with 005 and 696 as they are used today.

use serde_json::{Map, Value};

/// A numeric with its usual text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub &'static str, pub &'static str);

/// A numeric for somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Numeric {
    /// Its three digits.
    pub code: &'static str,
    /// What it is about.
    pub params: Vec<String>,
    /// For people.
    pub text: String,
    /// For programs, beyond IRC.
    pub meta: Map<String, Value>,
}

impl Code {
    /// The numeric about these parameters, with its usual text.
    pub fn about(self, params: &[&str]) -> Numeric {
        Numeric {
            code: self.0,
            params: params.iter().map(|param| (*param).to_owned()).collect(),
            text: self.1.to_owned(),
            meta: Map::new(),
        }
    }

    /// The numeric about these parameters, with a text of its own.
    pub fn saying(self, params: &[&str], text: impl Into<String>) -> Numeric {
        Numeric { text: text.into(), ..self.about(params) }
    }
}

impl Numeric {
    /// True for errors: 400 and above.
    pub fn is_error(&self) -> bool {
        "400" <= self.code
    }
}

macro_rules! numerics {
    ($($name:ident = $digits:literal, $text:literal;)*) => {
        $(
            #[doc = concat!("`", $digits, "`: ", $text)]
            pub const $name: Code = Code($digits, $text);
        )*
        /// All of them.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

numerics! {
    WELCOME = "001", "Welcome";
    YOURHOST = "002", "Your host";
    CREATED = "003", "This server was created";
    MYINFO = "004", "";
    ISUPPORT = "005", "are supported by this server";
    UMODEIS = "221", "";
    LUSERCLIENT = "251", "There are users";
    LUSEROP = "252", "operator(s) online";
    LUSERUNKNOWN = "253", "unknown connection(s)";
    LUSERCHANNELS = "254", "channels formed";
    LUSERME = "255", "I have clients";
    AWAY = "301", "";
    UNAWAY = "305", "You are no longer marked as being away";
    NOWAWAY = "306", "You have been marked as being away";
    WHOISUSER = "311", "";
    WHOISSERVER = "312", "";
    ENDOFWHO = "315", "End of WHO list";
    WHOISIDLE = "317", "seconds idle, signon time";
    ENDOFWHOIS = "318", "End of WHOIS list";
    WHOISCHANNELS = "319", "";
    LISTSTART = "321", "Users  Name";
    LIST = "322", "";
    LISTEND = "323", "End of LIST";
    CHANNELMODEIS = "324", "";
    CREATIONTIME = "329", "";
    NOTOPIC = "331", "No topic is set";
    TOPIC = "332", "";
    TOPICWHOTIME = "333", "";
    INVITING = "341", "";
    WHOREPLY = "352", "";
    NAMREPLY = "353", "";
    ENDOFNAMES = "366", "End of NAMES list";
    MOTD = "372", "";
    MOTDSTART = "375", "Message of the day";
    ENDOFMOTD = "376", "End of MOTD command";
    NOSUCHNICK = "401", "No such nick";
    NOSUCHCHANNEL = "403", "No such channel";
    CANNOTSENDTOCHAN = "404", "Cannot send to channel";
    TOOMANYCHANNELS = "405", "You have joined too many channels";
    NORECIPIENT = "411", "No recipient given";
    NOTEXTTOSEND = "412", "No text to send";
    UNKNOWNCOMMAND = "421", "Unknown command";
    NONICKNAMEGIVEN = "431", "No nick given";
    ERRONEOUSNICKNAME = "432", "Erroneous nick";
    NICKNAMEINUSE = "433", "Nick is already in use";
    UNAVAILRESOURCE = "437", "There are as many channels as there can be";
    USERNOTINCHANNEL = "441", "They are not on that channel";
    NOTONCHANNEL = "442", "You are not on that channel";
    USERONCHANNEL = "443", "is already on channel";
    NEEDMOREPARAMS = "461", "Not enough parameters";
    UNKNOWNMODE = "472", "is no mode of this server";
    INVITEONLYCHAN = "473", "Cannot join channel (+i): you need an invitation";
    CHANOPRIVSNEEDED = "482", "You are not a channel operator";
    UMODEUNKNOWNFLAG = "501", "Unknown mode flag";
    USERSDONTMATCH = "502", "You cannot see or change the modes of others";
    INVALIDMODEPARAM = "696", "Invalid mode parameter";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_numeric_has_three_digits_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for Code(digits, _) in ALL {
            assert!(digits.len() == 3 && digits.bytes().all(|c| c.is_ascii_digit()), "{digits}");
            assert!(seen.insert(digits), "{digits} twice");
        }
    }

    #[test]
    fn errors_are_told_from_replies() {
        assert!(NOSUCHNICK.about(&["bob"]).is_error() && INVALIDMODEPARAM.about(&[]).is_error());
        assert!(!WELCOME.about(&[]).is_error() && !ENDOFMOTD.about(&[]).is_error());
        assert_eq!(NOSUCHNICK.saying(&["bob"], "gone"), Numeric { text: "gone".into(), ..NOSUCHNICK.about(&["bob"]) });
    }
}
