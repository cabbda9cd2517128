//! What the process says of itself: filtered, formatted, and written to standard error
//! without anything ever waiting for that ([`writer`]).
//!
//! At the level `info`, and at those above it, only our own crates are heard: what
//! libraries have to say there means nothing to an operator. Whoever asks for more, or
//! names a library, gets it.

mod filter;
mod writer;

pub use filter::{LogFilter, NotAFilter};

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    time::Duration,
};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt::MakeWriter, layer::SubscriberExt, registry::LookupSpan, reload,
    util::SubscriberInitExt,
};
use writer::LogWriter;

/// How long the last lines may take at the end of the process.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `RUST_LOG`: what.
    pub filter: LogFilter,
    /// `HASHPASS_LOG_FORMAT`: how.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: a JSON object a line.
    Json,
}

/// The running log of the process.
#[derive(Debug)]
pub struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
    writer: LogWriter,
}

impl Logging {
    /// Starts it; once in the life of a process.
    pub fn start(settings: &LogSettings) -> Self {
        let writer = LogWriter::start(io::stderr());
        let (filter, handle) = reload::Layer::new(settings.filter.to_env_filter());
        // Colours are for people at a terminal; in a file they are noise.
        let lines = lines(settings.format, io::stderr().is_terminal(), writer.clone());
        tracing_subscriber::registry().with(filter).with(lines).init();
        Self { filter: handle, writer }
    }

    /// Another filter from now on.
    pub fn set_filter(&self, filter: &LogFilter) {
        if let Err(error) = self.filter.reload(filter.to_env_filter()) {
            tracing::error!(%error, "the log keeps its filter");
        }
    }
}

impl Drop for Logging {
    /// Lets out what was said last, unless nobody reads it.
    fn drop(&mut self) {
        self.writer.flush(FLUSH_LIMIT);
    }
}

/// Says why the process ends, where nothing is logged yet. Nobody may be reading: that is
/// no reason to end differently.
pub fn say_last_words(format: LogFormat, words: &str) {
    match format {
        LogFormat::Text => drop(writeln!(io::stderr(), "hashpass: {words}")),
        LogFormat::Json => {
            let only_this = tracing_subscriber::registry().with(lines(format, false, io::stderr));
            tracing::subscriber::with_default(only_this, || tracing::error!("{words}"));
        }
    }
}

/// What an error says, and what each of its causes says.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

fn lines<S, W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    // An error of the writer would be told on standard error, and end the process where
    // that is what fails.
    let lines = lines.log_internal_errors(false);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the call failed")]
    struct Failed(#[source] io::Error);

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = Failed(io::Error::other("connection refused"));
        assert_eq!(with_causes(&error), "the call failed: connection refused");
    }
}
