//! Tests that need a process of their own: the test executable runs itself again for
//! one test, which does what the first process asks for by an environment variable
//! that nobody else sets.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Holds the directory that a child works in.
const DIRECTORY: &str = "LEDGER_TEST_DIRECTORY";

/// The directory to work in, if this process is a child.
pub(super) fn directory() -> Option<PathBuf> {
    env::var_os(DIRECTORY).map(PathBuf::from)
}

/// The command that runs one test of this executable in a process of its own.
pub(super) fn command(test: &str, directory: &Path) -> Command {
    with(Command::new(env::current_exe().unwrap()), test, directory)
}

/// The same, from a line of shell that sets something up and then runs `"$@"`.
pub(super) fn command_in_shell(setup: &str, test: &str, directory: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", setup, "sh"]);
    continued(shell, test, directory)
}

/// The same, as the last arguments of a command.
pub(super) fn continued(mut command: Command, test: &str, directory: &Path) -> Command {
    command.arg(env::current_exe().unwrap());
    with(command, test, directory)
}

fn with(mut command: Command, test: &str, directory: &Path) -> Command {
    let (_, module) = module_path!().rsplit_once("::").and_then(|(tests, _)| tests.split_once("::")).unwrap();
    command.arg(format!("{module}::{test}")).args(["--exact", "--nocapture"]).env(DIRECTORY, directory);
    command
}

/// Runs a child to its end; it must succeed and have run its test.
pub(super) fn run(mut command: Command) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && stdout.contains("1 passed"), "{status}\n{stdout}\n{stderr}");
}
