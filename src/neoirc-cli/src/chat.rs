//! A conversation from its first line to its last.

use crate::{
    api::Api,
    envelope::Envelope,
    failure::{Failure, REFUSED},
    jar::Jar,
    listening::listen,
    lock::lock,
    minting::Mint,
    server_url::ServerUrl,
    session::{self, Identity, Limits, Session},
    slash::{self, Action},
    speaking::Outcome,
    terminal::{self, Input, Screen, Target},
};
use std::{path::PathBuf, process::ExitCode, sync::Arc};
use tokio::sync::watch;

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) server: ServerUrl,
    pub(crate) identity: Identity,
    /// The channels to be in from the start; text goes to the last.
    pub(crate) join: Vec<String>,
    pub(crate) cookie_file: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) json: bool,
    /// No line of input is a command.
    pub(crate) literal: bool,
    pub(crate) at_end: AtEnd,
    /// Input and output are terminals.
    pub(crate) is_terminal: bool,
}

/// What the end of input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Leave; the session stays open for the next time.
    Leave,
    /// Go on listening.
    Follow,
    /// End the session.
    Quit,
}

/// What to do after a line, and at last.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// Read on; at last: leave.
    Line,
    /// End the session, and say why.
    Quit(Option<String>),
}

struct Chat {
    session: Arc<Session>,
    target: Target,
    literal: bool,
    /// Something was refused along the way.
    refused: bool,
}

/// Talks until the input ends.
///
/// # Errors
/// [`Failure`].
pub(crate) async fn run(plan: Plan) -> Result<ExitCode, Failure> {
    let api = Api::new(plan.server.clone()).map_err(Failure::unreachable)?;
    let server = plan.server.to_string();
    let path = match plan.cookie_file {
        Some(path) => path,
        None => Jar::usual_path(&server)?,
    };
    let mut jar = Jar::open(path, server)?;
    let mint = Mint::default();
    let state = session::enter(&api, &mut jar, &mint, plan.limits, &plan.identity).await?;
    let target = Target::default();
    let (screen, mut input) = if plan.is_terminal {
        terminal::edit(plan.json, target.clone(), mint.clone())
            .map_err(|error| Failure::usage(format!("this terminal cannot be used: {error}")))?
    } else {
        (Screen::plain(plan.json), terminal::read_plain())
    };
    let session = Arc::new(Session::new(api, jar, screen, mint, plan.limits, &state));
    let mut chat = Chat { session: session.clone(), target, literal: plan.literal, refused: false };
    let (finish, finishing) = watch::channel(false);
    let listening = session.clone();
    let mut listener = tokio::spawn(async move { listen(&listening, finishing).await });
    let wanted = plan.identity.nick.filter(|wanted| !wanted.eq_ignore_ascii_case(&state.nick));
    let outcome = {
        let talk = chat.talk(wanted, &plan.join, &mut input, plan.at_end);
        tokio::select! {
            outcome = talk => outcome,
            ended = &mut listener => Err(match ended {
                Ok(Err(failure)) => failure,
                // It ends well only when told to.
                Ok(Ok(())) | Err(_) => Failure::ended(),
            }),
        }
    };
    let outcome = match outcome {
        Ok(next) => {
            // Listening ends first: it would take our own quitting for the server's.
            let heard = if plan.is_terminal {
                listener.abort();
                Ok(())
            } else {
                // What has happened so far is still shown.
                finish.send_replace(true);
                listener.await.unwrap_or_else(|_| Err(Failure::ended()))
            };
            match (heard, next) {
                (Ok(()), Next::Quit(why)) => chat.quit(why).await,
                (heard, _) => heard,
            }
        }
        Err(failure) => {
            if plan.is_terminal {
                // The editor gives the terminal back when it has read its line.
                let _ = session.screen.notice(&format!("{failure}. Press Enter to leave."));
                input.end().await;
            }
            Err(failure)
        }
    };
    outcome?;
    let refused = chat.refused && !plan.is_terminal;
    Ok(if refused { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

impl Chat {
    async fn talk(
        &mut self,
        nick: Option<String>,
        join: &[String],
        input: &mut Input,
        at_end: AtEnd,
    ) -> Result<Next, Failure> {
        if let Some(nick) = nick
            && self.send(Envelope::new("NICK", None).with([&*nick])).await? != Outcome::Done
        {
            return Err(Failure::not_admitted(format!("this session cannot be {nick}: the nick is taken, or none")));
        }
        for channel in join {
            self.act(Action::Send(Envelope::new("JOIN", Some(channel)))).await?;
        }
        input.begin();
        while let Some(line) = input.lines.recv().await {
            let target = self.target();
            let understood = if self.literal {
                slash::say(&line.text, target.as_deref())
            } else {
                slash::parse(&line.text, target.as_deref())
            };
            match understood {
                Ok(action) => match self.act(action).await? {
                    Next::Line => {}
                    quit @ Next::Quit(_) => return Ok(quit),
                },
                Err(misunderstood) => self.complain(&misunderstood.to_string())?,
            }
        }
        match at_end {
            AtEnd::Leave => Ok(Next::Line),
            AtEnd::Quit => Ok(Next::Quit(None)),
            AtEnd::Follow => std::future::pending().await,
        }
    }

    async fn act(&mut self, action: Action) -> Result<Next, Failure> {
        match action {
            Action::Nothing => {}
            Action::Help => self.session.screen.notice(slash::HELP)?,
            Action::Target(target) => self.aim(Some(target)),
            Action::Login { nick, password } => match self.session.login(&nick, &password).await? {
                Ok(nick) => self.session.screen.notice(&format!("you are {nick} now"))?,
                Err(why) => self.complain(&why)?,
            },
            Action::Send(envelope) => {
                let (command, to) = (envelope.command.to_ascii_uppercase(), envelope.to.clone());
                if self.send(envelope).await? == Outcome::Done {
                    self.follow(&command, to);
                }
            }
            Action::Quit(why) => return Ok(Next::Quit(why)),
        }
        Ok(Next::Line)
    }

    /// Ends the session.
    async fn quit(&mut self, why: Option<String>) -> Result<(), Failure> {
        let mut quit = Envelope::new("QUIT", None);
        quit.body = why.into_iter().collect();
        if self.send(quit).await? == Outcome::Done {
            self.session.forget();
        }
        Ok(())
    }

    /// Sends a command, and says what the user does not learn otherwise.
    async fn send(&mut self, envelope: Envelope) -> Result<Outcome, Failure> {
        let outcome = match self.session.send(envelope).await {
            Ok(outcome) => outcome,
            // At a terminal the user decides how long to try.
            Err(failure) if failure.may_pass() && self.session.screen.is_terminal() => {
                Outcome::Rejected(failure.to_string())
            }
            Err(failure) => return Err(failure),
        };
        match &outcome {
            Outcome::Done => {}
            Outcome::Refused => self.refused = true,
            Outcome::Rejected(why) => self.complain(why)?,
        }
        Ok(outcome)
    }

    /// Text goes to the channel that was joined, and no longer to one that was left.
    fn follow(&self, command: &str, to: Option<String>) {
        let Some(to) = to else { return };
        match command {
            "JOIN" => self.aim(to.split(',').rfind(|name| !name.is_empty()).map(str::to_owned)),
            "PART" if self.target().is_some_and(|target| to.split(',').any(|to| to.eq_ignore_ascii_case(&target))) => {
                self.aim(None);
            }
            _ => {}
        }
    }

    fn complain(&mut self, sentence: &str) -> Result<(), Failure> {
        self.refused = true;
        self.session.screen.notice(sentence)
    }

    fn target(&self) -> Option<String> {
        lock(&self.target).clone()
    }

    fn aim(&self, target: Option<String>) {
        *lock(&self.target) = target;
    }
}
