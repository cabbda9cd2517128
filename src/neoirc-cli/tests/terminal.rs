//! The built program at a terminal: a pseudo terminal, driven as a user would.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

use rexpect::{
    process::WaitStatus,
    reader::Options,
    session::{PtySession, spawn_with_options},
};
use std::{path::Path, process::Command, time::Duration};
use support::{Lobby, home, run};

/// Longer than anything here takes, in milliseconds; reached only if something hangs.
const TIME_LIMIT_MS: u64 = 60_000;

/// The key that brings back what was typed before.
const UP: &str = "\u{1b}[A";

/// The program at a terminal of its own, for somebody who lives in `home`.
fn terminal(lobby: &Lobby, home: &Path, arguments: &[&str]) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neoirc-cli"));
    command.env_clear().env("HOME", home).env("TERM", "xterm").current_dir(home);
    command.args(["--server", &lobby.url()]).args(arguments);
    let options = Options::new().timeout_ms(Some(TIME_LIMIT_MS)).strip_ansi_escape_codes(true);
    spawn_with_options(command, options).unwrap()
}

/// Types a line, and Enter as a terminal in raw mode sends it.
fn type_line(terminal: &mut PtySession, line: &str) {
    terminal.send(&format!("{line}\r")).unwrap();
    terminal.flush().unwrap();
}

fn press(terminal: &mut PtySession, keys: &str) {
    terminal.send(keys).unwrap();
    terminal.flush().unwrap();
}

/// Waits until the program has ended.
async fn exit_code(terminal: &mut PtySession) -> i32 {
    terminal.exp_eof().unwrap();
    loop {
        match terminal.process().status() {
            Some(WaitStatus::Exited(_, code)) => return code,
            Some(WaitStatus::StillAlive) => tokio::time::sleep(Duration::from_millis(10)).await,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_lines_are_edited_and_what_others_say_comes_between() {
    let (lobby, homes) = (Lobby::start().await, [home(), home()]);
    let mut alice = terminal(&lobby, homes[0].path(), &["--nick", "alice"]);
    alice.exp_string("Welcome to the lobby, alice").unwrap();
    // The very first prompt says where text goes.
    let welcome = alice.exp_string("> ").unwrap();
    assert!(welcome.ends_with("#lobby"), "{welcome:?}");
    // Typed, corrected with the backspace key, and sent.
    type_line(&mut alice, "hello therr\u{7f}e");
    alice.exp_string("#lobby <alice> hello there").unwrap();
    let mut bob = lobby.talk(homes[1].path(), &["--nick", "bob"]);
    bob.hear("bob joined #lobby").await;
    alice.exp_string("bob joined #lobby").unwrap();
    // What is half written stays, whatever comes in meanwhile.
    press(&mut alice, "half ");
    alice.exp_string("half").unwrap();
    bob.type_line("an interruption").await;
    alice.exp_string("#lobby <bob> an interruption").unwrap();
    type_line(&mut alice, "written");
    bob.hear("#lobby <alice> half written").await;
    // The arrow key brings back what was said.
    press(&mut alice, UP);
    press(&mut alice, UP);
    type_line(&mut alice, " again");
    bob.hear("#lobby <alice> hello there again").await;
    type_line(&mut alice, "/help");
    alice.exp_string("/join").unwrap();
    // What is not shown, such as the end of a list of names, leaves no gap.
    type_line(&mut alice, "/raw JOIN #b");
    let mut shown = alice.exp_string("in #b: ").unwrap();
    type_line(&mut alice, "/raw PING x");
    shown += &alice.exp_string("the server answers").unwrap();
    assert!(!shown.replace('\r', "").contains("> \n"), "{shown:?}");
    // Ctrl-C leaves nothing behind and says how to leave; Ctrl-D leaves.
    press(&mut alice, "never sent");
    alice.send_control('c').unwrap();
    alice.exp_string("Ctrl-D leaves").unwrap();
    alice.send_control('d').unwrap();
    assert_eq!(exit_code(&mut alice).await, 0);
    assert!(!lobby.said().await.iter().any(|lines| lines.to_string().contains("never sent")));
    // The session stays open for the next time: nobody else can be alice.
    assert_eq!(run(lobby.client(homes[1].path(), &["--nick", "alice", "--cookie-file", "new"]), "").await.code, 4);
    assert_eq!(bob.end().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_at_a_terminal_goes_on_in_another_session_and_leaves_no_password_in_the_history() {
    let (lobby, homes) = (Lobby::start().await, [home(), home()]);
    let mut bob = lobby.talk(homes[0].path(), &["--nick", "bob"]);
    bob.type_line("/pass correct horse").await;
    bob.type_line("/raw PING x").await;
    bob.hear("the server answers").await;
    let mut alice = terminal(&lobby, homes[1].path(), &["--nick", "alice"]);
    alice.exp_string("Welcome to the lobby, alice").unwrap();
    alice.exp_string("#lobby> ").unwrap();
    type_line(&mut alice, "as alice");
    bob.hear("#lobby <alice> as alice").await;
    type_line(&mut alice, "/login bob");
    alice.exp_string("usage: /login nick PASSWORD").unwrap();
    type_line(&mut alice, "/login bob wrong horse");
    alice.exp_string("Wrong nick or password").unwrap();
    type_line(&mut alice, "/login bob correct horse");
    alice.exp_string("you are bob now").unwrap();
    // However far back: there is only what was said before, and no password.
    press(&mut alice, UP);
    press(&mut alice, UP);
    type_line(&mut alice, " no more");
    let heard = bob.hear("no more").await.pop().unwrap();
    assert!(heard.ends_with("#lobby <bob> as alice no more"), "{heard}");
    // From here on the terminal hears what bob is told, also in private.
    alice.exp_string("#lobby <bob> as alice no more").unwrap();
    let carol = run(lobby.client(homes[0].path(), &["--nick", "carol", "--cookie-file", "c"]), "/msg bob psst\n").await;
    assert_eq!(carol.code, 0, "{carol:?}");
    alice.exp_string("<carol -> bob> psst").unwrap();
    // The session that was left has ended, and with it alice's hold on the nick.
    let new = run(lobby.client(homes[0].path(), &["--nick", "alice", "--cookie-file", "a"]), "").await;
    assert_eq!(new.code, 0, "{new:?}");
    // A quit ends bob's session for every client.
    type_line(&mut alice, "/quit good night");
    assert_eq!(exit_code(&mut alice).await, 0);
    assert_eq!(bob.end().await.0, 5);
}
