//! Lines on their way out, for which nobody waits.
//!
//! A full disk, a closed pipe and a reader that sleeps are no reason to stop a race. A
//! thread of its own writes the lines; it alone may block. What it cannot write is lost,
//! and so is what comes while a thousand lines wait for it. How many were lost is said
//! as soon as something can be written again.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};
use tracing_subscriber::fmt::MakeWriter;

/// The lines that may wait to be written.
const MOST_LINES: usize = 1024;

/// The longest line, in bytes; the rest of a longer one is cut off.
const LONGEST_LINE: usize = 16 * 1024;

/// Between two tries to be next in a full queue.
const FLUSH_STEP: Duration = Duration::from_millis(5);

enum Job {
    Line(Vec<u8>),
    /// Everything before this has been written, or is lost.
    Flush(SyncSender<()>),
}

/// A cheap handle to the thread that writes.
#[derive(Clone, Debug)]
pub(super) struct LogWriter {
    jobs: SyncSender<Job>,
    /// Lines that were lost since the last one that was written.
    lost: Arc<AtomicU64>,
}

impl LogWriter {
    /// Starts a thread that writes to `output`.
    pub(super) fn start(output: impl Write + Send + 'static) -> Self {
        let (jobs, waiting) = mpsc::sync_channel(MOST_LINES);
        let lost = Arc::<AtomicU64>::default();
        let writer = Self { jobs, lost: lost.clone() };
        // Without a thread nothing is logged; the race goes on.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(move || write_all(output, &waiting, &lost));
        writer
    }

    /// Waits until all that was said is written, at most so long.
    pub(super) fn flush(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let (done, written) = mpsc::sync_channel(1);
        while let Err(TrySendError::Full(_)) = self.jobs.try_send(Job::Flush(done.clone())) {
            if until <= Instant::now() {
                return;
            }
            std::thread::sleep(FLUSH_STEP);
        }
        let _ = written.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

fn write_all(mut output: impl Write, waiting: &Receiver<Job>, lost: &AtomicU64) {
    for job in waiting {
        match job {
            Job::Line(line) => {
                let missing = lost.swap(0, Ordering::Relaxed);
                let note = (0 < missing).then(|| format!("hashpass: {missing} log lines were lost before this\n"));
                let written = note.map_or(Ok(()), |note| output.write_all(note.as_bytes()));
                if written.and_then(|()| output.write_all(&line)).is_err() {
                    lost.fetch_add(missing + 1, Ordering::Relaxed);
                }
            }
            Job::Flush(done) => {
                let _ = output.flush();
                let _ = done.try_send(());
            }
        }
    }
}

impl Write for LogWriter {
    /// Takes a whole line, always.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let kept = match line.get(..LONGEST_LINE) {
            Some(start) if start.len() < line.len() => [start, b"\n"].concat(),
            _ => line.to_vec(),
        };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.jobs.try_send(Job::Line(kept)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc::Sender};

    /// What was written, where writing waits for a permit each time, or fails.
    struct Gate {
        permits: Receiver<bool>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.permits.recv().unwrap_or(true) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (LogWriter, Sender<bool>, Arc<Mutex<Vec<u8>>>) {
        let (allow, permits) = mpsc::channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        (LogWriter::start(Gate { permits, written: written.clone() }), allow, written)
    }

    #[test]
    fn nobody_waits_for_a_reader_that_sleeps_and_the_lost_lines_are_counted() {
        let (mut writer, allow, written) = gated();
        // One is on its way, as many wait as there is room for, the rest are lost.
        for n in 0..2 * MOST_LINES {
            writer.write_all(format!("line {n}\n").as_bytes()).unwrap();
        }
        drop(allow);
        writer.flush(Duration::from_secs(10));
        writer.write_all(b"the last\n").unwrap();
        writer.flush(Duration::from_secs(10));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("line ")).count();
        let lost: usize = text
            .lines()
            .filter_map(|line| line.strip_prefix("hashpass: ")?.strip_suffix(" log lines were lost before this"))
            .map(|count| count.parse::<usize>().unwrap())
            .sum();
        assert_eq!(lines + lost, 2 * MOST_LINES, "{text}");
        assert!(MOST_LINES <= lines && text.ends_with("the last\n"));
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_nothing_else() {
        let (mut writer, allow, written) = gated();
        for permit in [true, false, true, true] {
            allow.send(permit).unwrap();
        }
        for line in ["first", "second", "third"] {
            writer.write_all(format!("{line}\n").as_bytes()).unwrap();
            writer.flush(Duration::from_secs(10));
        }
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "first\nhashpass: 1 log lines were lost before this\nthird\n");
    }

    #[test]
    fn a_line_has_a_longest_length() {
        let (mut writer, allow, written) = gated();
        drop(allow);
        writer.write_all(&[b'a'; LONGEST_LINE + 5]).unwrap();
        writer.flush(Duration::from_secs(10));
        assert_eq!(written.lock().unwrap().len(), LONGEST_LINE + 1);
    }
}
