//! The C reference of Argon2, as the Python package `argon2-cffi` brings it.

use crate::{BenchError, Result};
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

/// It times itself, so that Python and the pipe cost it nothing.
const PROGRAM: &str = "
import sys, time
from argon2.low_level import Type, hash_secret_raw
salt = bytes.fromhex(sys.argv[1])
for line in sys.stdin:
    start = time.perf_counter_ns()
    hash_secret_raw(line.strip().encode(), salt, 3, 65536, 1, 32, Type.ID)
    print(time.perf_counter_ns() - start, flush=True)
";

/// A Python that hashes one nonce a line.
pub(super) struct Reference {
    process: Child,
    /// None once it has been told to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Reference {
    /// Starts `python`, which must have the package.
    pub(super) fn start(python: &OsStr, salt: &str) -> Result<Self> {
        let salt: String = salt.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut command = Command::new(python);
        let mut process = command.args(["-c", PROGRAM, &salt]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().ok_or_else(no_answer)?);
        Ok(Self { process, questions, answers })
    }

    /// How long the hash of this nonce took.
    pub(super) fn time(&mut self, nonce: u64) -> Result<Duration> {
        writeln!(self.questions.as_mut().ok_or_else(no_answer)?, "{nonce}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(Duration::from_nanos(answer.trim().parse().map_err(|_| no_answer())?))
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // It ends with its input.
        self.questions = None;
        let _ = self.process.wait();
    }
}

fn no_answer() -> BenchError {
    BenchError::Hashing("the C reference gave no answer".to_owned())
}
