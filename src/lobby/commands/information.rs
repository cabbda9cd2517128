//! Commands that ask about the lobby itself, and what it greets with.

use super::caller::{Caller, Outcome, argument, shortened};
use crate::{
    lobby::{event::Draft, numeric},
    lock::lock,
};

/// How many channels one LIST names.
const MOST_LISTED: usize = 1000;

/// 005 says exactly this of the server.
const SUPPORTED: &[&str] = &[
    "CHANMODES=,H,,imnst",
    "CHANTYPES=#",
    "PREFIX=(ov)@+",
    "CASEMAPPING=ascii",
    "NICKLEN=32",
    "CHANNELLEN=50",
    "TOPICLEN=512",
    "MODES=12",
];

impl Caller<'_> {
    /// 001 … 005, 251 … 255, 375, 372, 376: what every new client is told first.
    pub(in super::super) fn welcome(&mut self) {
        let environment = self.environment;
        let (nick, server) = (self.my_nick(), environment.server_name.clone());
        let version = env!("CARGO_PKG_VERSION");
        self.reply(&numeric::WELCOME.saying(&[], format!("Welcome to the lobby, {nick}")));
        let host = format!("Your host is {server}, running version hashpass-{version}");
        self.reply(&numeric::YOURHOST.saying(&[], host));
        let started = format!("This server was created {}", environment.started);
        self.reply(&numeric::CREATED.saying(&[], started));
        let version = format!("hashpass-{version}");
        let modes = format!("{server} {version} w Himnostv Hov");
        self.reply(&numeric::MYINFO.saying(&[&server, &version, "w", "Himnostv", "Hov"], modes));
        let network = format!("NETWORK={server}");
        let supported: Vec<&str> = SUPPORTED.iter().copied().chain([&*network]).collect();
        self.reply(&numeric::ISUPPORT.about(&supported));
        self.lusers();
        self.motd();
    }

    pub(super) fn motd(&mut self) {
        let server = self.environment.server_name.clone();
        self.reply(&numeric::MOTDSTART.saying(&[], format!("- {server} Message of the day -")));
        self.reply(&numeric::MOTD.saying(&[], format!("- {}", lock(&self.environment.motd))));
        self.reply(&numeric::ENDOFMOTD.about(&[]));
    }

    pub(super) fn lusers(&mut self) {
        let (users, channels) = self.state.counts();
        let all = format!("There are {users} users and 0 services on 1 server");
        self.reply(&numeric::LUSERCLIENT.saying(&[], all));
        self.reply(&numeric::LUSEROP.about(&["0"]));
        self.reply(&numeric::LUSERUNKNOWN.about(&["0"]));
        self.reply(&numeric::LUSERCHANNELS.about(&[&channels.to_string()]));
        self.reply(&numeric::LUSERME.saying(&[], format!("I have {users} clients and 0 servers")));
    }

    pub(super) fn ping(&mut self, arguments: &[&str]) {
        let token: Vec<String> = arguments.first().map(|token| (*token).to_owned()).into_iter().collect();
        let (nick, server) = (self.my_nick(), self.environment.server_name.clone());
        let draft = Draft { command: "PONG", from: &server, to: &nick, body: &token, ..Draft::default() };
        let (_, event) = self.state.event(self.moment, &draft);
        self.reply_with(event);
    }

    pub(super) fn list(&mut self, arguments: &[&str]) -> Outcome {
        let wanted: Vec<String> =
            arguments.first().map(|names| names.split(',').map(str::to_ascii_lowercase).collect()).unwrap_or_default();
        let rows: Vec<_> = self
            .state
            .channels
            .iter()
            .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name.as_str()))
            .filter(|(_, channel)| !channel.modes.secret || channel.members.contains_key(&self.me))
            .take(MOST_LISTED)
            .map(|(_, channel)| {
                let topic = channel.topic.as_ref().map(|(text, _, _)| text.clone()).unwrap_or_default();
                numeric::LIST.saying(&[channel.name.as_str(), &channel.members.len().to_string()], topic)
            })
            .collect();
        self.charge_for_list(rows.len());
        self.reply(&numeric::LISTSTART.about(&["Channel"]));
        for row in rows {
            self.reply(&row);
        }
        self.reply(&numeric::LISTEND.about(&[]));
        Ok(())
    }

    pub(super) fn names(&mut self, arguments: &[&str]) -> Outcome {
        let name = argument(arguments, 0, "NAMES")?;
        match self.visible_channel(name) {
            Ok(folded) => self.show_names(&folded),
            // RFC 2812: what is not there has an end of its names all the same.
            Err(_) => self.reply(&numeric::ENDOFNAMES.about(&[&shortened(name)])),
        }
        Ok(())
    }
}
