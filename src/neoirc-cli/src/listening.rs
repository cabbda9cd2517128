//! Hearing: long polls, one after the other.
//!
//! The server's queue is read by number and reading takes nothing away, so a poll
//! that breaks loses nothing: the next one asks for the same again. The number is
//! moved on only after everything was shown; so no line is missed, and none is shown
//! twice but those that were on their way to the screen when the program was killed.

use crate::{
    api::Batch,
    back_off::{FIRST_WAIT, Patience},
    failure::Failure,
    session::Session,
};
use puzzle::back_off::BackOff;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The next poll is not made sooner than this after one that came back empty at once:
/// a server that is stopping answers all polls at once.
const PAUSE_AFTER_EMPTY_POLL: Duration = Duration::from_millis(250);

/// Shows what happens; once `finish` is true, only what has happened already.
///
/// # Errors
/// [`Failure`] when there is nothing more to hear.
pub(crate) async fn listen(session: &Session, mut finish: watch::Receiver<bool>) -> Result<(), Failure> {
    let mut back_off = BackOff::beginning_with(FIRST_WAIT);
    let mut patience: Option<Patience> = None;
    let mut is_lost = false;
    loop {
        let finishing = *finish.borrow();
        if finishing && patience.is_none() {
            patience = Some(Patience::of(session.limits.patience));
        }
        let place = session.place()?;
        let begin = Instant::now();
        let answer = tokio::select! {
            answer = session.api.poll(&place.cookie, place.last_id, !finishing) => answer,
            _ = finish.wait_for(|finish| *finish), if !finishing => continue,
            () = session.moved.notified() => continue,
        };
        // The session was changed meanwhile: the answer belongs to the one before.
        if session.place()?.cookie != place.cookie {
            continue;
        }
        match answer {
            Ok(Batch { messages, last_id }) => {
                back_off.succeeded();
                if std::mem::take(&mut is_lost) {
                    session.screen.notice("connected again")?;
                }
                for event in &messages {
                    session.observe(event);
                    session.screen.event(event)?;
                }
                if messages.is_empty() {
                    if finishing {
                        return Ok(());
                    }
                    if begin.elapsed() < PAUSE_AFTER_EMPTY_POLL {
                        tokio::time::sleep(PAUSE_AFTER_EMPTY_POLL).await;
                    }
                } else if last_id <= place.last_id {
                    let server = session.api.server();
                    let sentence = format!("{server} does not answer like a lobby: its messages do not go on");
                    return Err(Failure::unreachable(sentence));
                } else {
                    session.shown(&place.cookie, last_id)?;
                }
            }
            Err(error) if error.is_ended() => return Err(Failure::ended()),
            Err(error) => {
                let Some(at_least) = error.try_again_after() else {
                    return Err(Failure::unreachable(error.to_string()));
                };
                if !std::mem::replace(&mut is_lost, true) {
                    session.screen.notice(&format!("{error}; trying again"))?;
                }
                match &mut patience {
                    Some(patience) => {
                        if !patience.wait(at_least).await {
                            return Err(Failure::unreachable(error.to_string()));
                        }
                    }
                    None => {
                        let wait = back_off.failed(at_least, rand::random());
                        tokio::select! {
                            () = tokio::time::sleep(wait) => {}
                            _ = finish.wait_for(|finish| *finish) => {}
                        }
                    }
                }
            }
        }
    }
}
