//! How a session is opened, kept, entered from elsewhere and ended.

use super::proxy::replace_once;
use crate::support::{Lobby, client, home, run};
use puzzle::stamp::{Bits, Timestamp, channel, session};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The usual cookie file of a server.
fn jar(home: &Path, lobby: &Lobby) -> PathBuf {
    let name = format!("http___{}.json", lobby.address.to_string().replace(':', "_"));
    home.join(".local/state/neoirc-cli").join(name)
}

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_private_and_serves_again_after_both_were_restarted() {
    let (mut lobby, home) = (Lobby::start().await, home());
    let first = run(lobby.client(home.path(), &["--nick", "bob"]), "one\n").await;
    assert_eq!(first.code, 0, "{first:?}");
    let path = jar(home.path(), &lobby);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let cookie = |text: &str| serde_json::from_str::<Value>(text).unwrap()["cookie"].clone();
    let kept = cookie(&std::fs::read_to_string(&path).unwrap());
    assert!(!first.out.contains(kept.as_str().unwrap()));
    lobby.stop().await;
    lobby.start_again().await;
    let second = run(lobby.client(home.path(), &[]), "two\n").await;
    assert_eq!(second.code, 0, "{second:?}");
    assert_eq!(cookie(&std::fs::read_to_string(&path).unwrap()), kept);
    // The same session, and nothing is shown twice.
    let history = lobby.history().await;
    assert_eq!([&history[0]["from"], &history[1]["from"]], ["bob", "bob"]);
    assert!(second.out.contains("<bob> two") && !second.out.contains("<bob> one"), "{second:?}");
    assert!(!second.out.contains("Welcome"), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_file_serves_one_program_and_one_server() {
    let (lobby, other, home) = (Lobby::start().await, Lobby::start().await, home());
    let mine = ["--nick", "bob", "--cookie-file", "mine"];
    let mut talk = lobby.talk(home.path(), &mine);
    talk.hear("bob joined #lobby").await;
    let second = run(lobby.client(home.path(), &mine), "").await;
    assert_eq!(second.code, 6);
    assert!(second.err.contains("another neoirc-cli is using mine"), "{second:?}");
    assert_eq!(talk.end().await.0, 0);
    let elsewhere = run(other.client(home.path(), &mine), "").await;
    assert_eq!(elsewhere.code, 6);
    assert!(elsewhere.err.contains(&format!("belongs to {}", lobby.url())), "{elsewhere:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn session_bits_that_were_raised_after_they_were_asked_for_are_minted_again() {
    let (lobby, home) = (Lobby::start().await, home());
    // What the server says of itself is older than what it asks for.
    let stale = replace_once(r#""hashcash_bits":8"#, r#""hashcash_bits":1"#, lobby.address).await;
    let at = |name: &'static str, more: &'static [&'static str]| {
        let mut command = client(home.path());
        command.args(["--server", &format!("http://{stale}"), "--nick", name, "--cookie-file", name]).args(more);
        command
    };
    let ended = run(at("bob", &[]), "hello\n").await;
    assert_eq!((ended.code, &*ended.err), (0, ""), "{ended:?}");
    assert_eq!(lobby.said().await, [json!(["hello"])]);
    // What the user will put up with holds for the second stamp as well.
    let stale = replace_once(r#""hashcash_bits":8"#, r#""hashcash_bits":1"#, lobby.address).await;
    let mut command = client(home.path());
    command.args(["--server", &format!("http://{stale}"), "--nick", "eve", "--max-bits", "4"]);
    let ended = run(command, "hello\n").await;
    assert_eq!(ended.code, 4);
    assert!(ended.err.contains("a proof of 8 bits is asked for, and --max-bits allows 4"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_admitted_learns_why() {
    let (lobby, homes) = (Lobby::start().await, [home(), home()]);
    assert_eq!(run(lobby.client(homes[0].path(), &["--nick", "bob"]), "").await.code, 0);
    let at = |arguments: &[&str]| lobby.client(homes[1].path(), arguments);
    for (arguments, part) in [
        (&["--nick", "BOB"][..], "nick already taken"),
        (&["--nick", "0"], "nick must be"),
        (&["--nick", "eve", "--max-bits", "4"], "a proof of 8 bits is asked for, and --max-bits allows 4"),
    ] {
        let ended = run(at(arguments), "hello\n").await;
        assert_eq!(ended.code, 4, "{arguments:?}: {ended:?}");
        assert!(ended.err.contains(part) && ended.err.lines().count() == 1, "{ended:?}");
    }
    assert!(lobby.said().await.is_empty());
    // A session that exists is renamed, or not.
    assert_eq!(run(at(&["--nick", "eve"]), "").await.code, 0);
    assert_eq!(run(at(&["--nick", "bob"]), "").await.code, 4);
    let renamed = run(at(&["--nick", "carol"]), "").await;
    assert!(renamed.code == 0 && renamed.out.contains("eve is now carol"), "{renamed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quitting_ends_the_session_and_a_password_opens_it_elsewhere() {
    let (lobby, homes) = (Lobby::start().await, [home(), home()]);
    let mut bob = lobby.talk(homes[0].path(), &["--nick", "bob"]);
    bob.type_line("/pass correct horse").await;
    bob.type_line("/raw PING x").await;
    bob.hear("the server answers").await;
    std::fs::write(homes[1].path().join("password"), "correct horse\n").unwrap();
    let login = ["--nick", "bob", "--password-file", "password"];
    let elsewhere = run(lobby.client(homes[1].path(), &login), "from elsewhere\n").await;
    assert_eq!(elsewhere.code, 0, "{elsewhere:?}");
    bob.hear("#lobby <bob> from elsewhere").await;
    std::fs::write(homes[1].path().join("password"), "wrong horse\n").unwrap();
    let wrong = run(lobby.client(homes[1].path(), &[&login[..], &["--cookie-file", "new"]].concat()), "").await;
    assert_eq!((wrong.code, &*wrong.err), (4, "neoirc-cli: Wrong nick or password\n"));
    // The end, for every client of the session.
    let quit = run(lobby.client(homes[1].path(), &["--quit"]), "bye\n").await;
    assert_eq!(quit.code, 0, "{quit:?}");
    assert!(quit.out.contains("#lobby <bob> bye"), "{quit:?}");
    assert!(!jar(homes[1].path(), &lobby).exists());
    assert_eq!(bob.end().await.0, 5);
    // The nick is free again.
    assert_eq!(run(lobby.client(homes[0].path(), &["--nick", "bob"]), "").await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn minted_stamps_are_good() {
    let (lobby, home) = (Lobby::start().await, home());
    let mint = async |arguments: &[&str]| {
        let mut command = client(home.path());
        command.arg("mint").args(arguments);
        let ended = run(command, "").await;
        assert_eq!((ended.code, &*ended.err), (0, ""), "{ended:?}");
        ended.out.strip_suffix('\n').unwrap().to_owned()
    };
    let stamp = mint(&["session", "--server", &lobby.url()]).await;
    assert!(session::check(Some(&stamp), Bits::new(8).unwrap(), "hashpass", now()).is_ok(), "{stamp}");
    let stamp = mint(&["session", "--resource", "elsewhere", "--bits", "10"]).await;
    assert!(session::check(Some(&stamp), Bits::new(10).unwrap(), "elsewhere", now()).is_ok(), "{stamp}");
    let stamp = mint(&["channel", "#a", "--bits", "9", "--body", "one", "--body", "two"]).await;
    let body = ["one".to_owned(), "two".to_owned()];
    assert!(channel::check(Some(&stamp), Bits::new(9).unwrap(), "#a", &body, now()).is_ok(), "{stamp}");
}
