//! Where lines come from and where they go: a terminal with a line editor, or plain
//! pipes.
//!
//! On a terminal all output goes through the editor, which removes the line that is
//! being typed, prints, and shows that line again. Otherwise what happens in the lobby goes to
//! standard output and what this program has to say to standard error.
//!
//! The history is kept in memory alone, and lines with passwords not even there.

use crate::{
    envelope::Event,
    failure::Failure,
    lock::lock,
    minting::Mint,
    printable::printable,
    render,
    slash::{self, Action},
};
use rustyline::{Config, Editor, ExternalPrinter, error::ReadlineError, history::MemHistory};
use std::{
    io::{BufRead, Write},
    sync::{
        Arc, Mutex,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::mpsc;

/// How many lines may wait to be sent.
const LINES_AHEAD: usize = 64;

/// How long the next prompt waits for a line to be dealt with, so that it shows
/// where text goes after it.
const PROMPT_WAITS: Duration = Duration::from_millis(300);

/// How long the first prompt waits for the channels to be joined, for the same reason.
const FIRST_PROMPT_WAITS: Duration = Duration::from_secs(5);

/// A line of input. Dropped when it was dealt with: its reader learns of that.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    _done: Option<SyncSender<()>>,
}

/// To whom text goes: shown by the prompt.
pub(crate) type Target = Arc<Mutex<Option<String>>>;

/// Input with the thread that reads it.
pub(crate) struct Input {
    pub(crate) lines: mpsc::Receiver<Line>,
    reader: JoinHandle<()>,
    /// Holds the first prompt back.
    held: Option<SyncSender<()>>,
}

/// The output.
pub(crate) struct Screen {
    json: bool,
    editor: Option<Mutex<Box<dyn ExternalPrinter + Send>>>,
}

impl Screen {
    /// Plain output.
    pub(crate) fn plain(json: bool) -> Self {
        Self { json, editor: None }
    }

    /// True on a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.editor.is_some()
    }

    /// Shows what happened.
    ///
    /// # Errors
    /// [`Failure`] if nobody reads the output any more.
    pub(crate) fn event(&self, event: &Event) -> Result<(), Failure> {
        if self.json {
            return self.out(&[render::json(event)]);
        }
        // The message is sent again with a better stamp; only what becomes of that is shown.
        if event.asks_for_stamp() {
            return Ok(());
        }
        let lines = render::lines(event);
        if event.is_error() && !self.is_terminal() { Self::err(&lines) } else { self.out(&lines) }
    }

    /// Shows what this program has to say.
    ///
    /// # Errors
    /// [`Failure`] if nobody reads the output any more.
    pub(crate) fn notice(&self, text: &str) -> Result<(), Failure> {
        let lines: Vec<String> = text.lines().map(|line| format!("** {}", printable(line))).collect();
        if self.is_terminal() { self.out(&lines) } else { Self::err(&lines) }
    }

    fn out(&self, lines: &[String]) -> Result<(), Failure> {
        // The editor would make an empty line of nothing.
        if lines.is_empty() {
            return Ok(());
        }
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let written = match &self.editor {
            Some(editor) => {
                let mut editor = lock(editor);
                editor.print(text).map_err(|error| error.to_string())
            }
            None => {
                let mut out = std::io::stdout().lock();
                out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
            }
        };
        written.map_err(|error| Failure::not_delivered(format!("the output cannot be written: {error}")))
    }

    fn err(lines: &[String]) -> Result<(), Failure> {
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        // Without anybody to complain to there is nothing to do.
        let _ = std::io::stderr().write_all(text.as_bytes());
        Ok(())
    }
}

impl Input {
    /// Everything is ready for the first line.
    pub(crate) fn begin(&mut self) {
        self.held = None;
    }

    /// Waits until the terminal is as it was: the reader may have to be given one
    /// more key for that.
    pub(crate) async fn end(self) {
        let Self { lines, reader, held } = self;
        drop((lines, held));
        let _ = tokio::task::spawn_blocking(|| reader.join()).await;
    }
}

/// Reads standard input to its end.
pub(crate) fn read_plain() -> Input {
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    let reader = std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match input.read_until(b'\n', &mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
                    if sender.blocking_send(Line { text, _done: None }).is_err() {
                        return;
                    }
                }
            }
        }
    });
    Input { lines, reader, held: None }
}

/// Reads a terminal with a line editor; Ctrl-C ends the search of `mint`.
///
/// # Errors
/// If the terminal cannot do that.
pub(crate) fn edit(json: bool, target: Target, mint: Mint) -> Result<(Screen, Input), ReadlineError> {
    let config = Config::builder().auto_add_history(false).max_history_size(1000)?.build();
    let mut editor: Editor<(), MemHistory> = Editor::with_history(config.clone(), MemHistory::with_config(&config))?;
    let printer = editor.create_external_printer()?;
    let mut own_printer = editor.create_external_printer()?;
    let (sender, lines) = mpsc::channel(LINES_AHEAD);
    let (held, begun) = sync_channel(0);
    let reader = std::thread::spawn(move || {
        // Nothing is ever sent: it ends when there is no need to wait any more.
        let _: Result<(), _> = begun.recv_timeout(FIRST_PROMPT_WAITS);
        loop {
            let prompt = {
                let target = lock(&target);
                target.as_deref().map_or_else(|| "> ".to_owned(), |target| format!("{}> ", printable(target)))
            };
            let text = match editor.readline(&prompt) {
                Ok(text) => text,
                Err(ReadlineError::Interrupted) => {
                    if !mint.cancel() {
                        let _ = own_printer.print("** Ctrl-D leaves, /quit ends the session as well\n".to_owned());
                    }
                    continue;
                }
                Err(_) => return,
            };
            if !slash::is_secret(&text) {
                let _ = editor.add_history_entry(text.as_str());
            }
            let quits = matches!(slash::parse(&text, None), Ok(Action::Quit(_)));
            let (done, dealt_with) = sync_channel(0);
            if sender.blocking_send(Line { text, _done: Some(done) }).is_err() {
                return;
            }
            // After a quit the program ends, and no prompt must be open then.
            while let Err(RecvTimeoutError::Timeout) = dealt_with.recv_timeout(PROMPT_WAITS)
                && quits
            {}
            if quits {
                return;
            }
        }
    });
    Ok((Screen { json, editor: Some(Mutex::new(Box::new(printer))) }, Input { lines, reader, held: Some(held) }))
}
