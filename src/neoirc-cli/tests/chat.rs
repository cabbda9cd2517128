//! The built program against a real server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it finds a surprise")]

mod support;

use puzzle::stamp::{Bits, Timestamp, channel, session};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use support::{Lobby, client, raw, run};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The usual cookie file of a server.
fn jar(home: &Path, lobby: &Lobby) -> PathBuf {
    let name = format!("http___{}.json", lobby.address.to_string().replace(':', "_"));
    home.join(".local/state/neoirc-cli").join(name)
}

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_chat_in_a_channel_with_stamps_and_mint_again_when_bits_are_raised() {
    let (lobby, homes) = (Lobby::start().await, [home(), home()]);
    let mut alice = lobby.talk(homes[0].path(), &["--nick", "alice", "--join", "#den"]);
    alice.type_line("/mode +H 8").await;
    alice.hear("alice set the modes of #den: +H 8").await;
    let mut bob = lobby.talk(homes[1].path(), &["--nick", "bob", "--join", "#den"]);
    bob.type_line("hello").await;
    alice.hear("#den <bob> hello").await;
    bob.hear("#den <bob> hello").await;
    // Bob has minted for 8 bits so far, and nobody tells him but the refusal.
    alice.type_line("/mode +H 12").await;
    bob.hear("alice set the modes of #den: +H 12").await;
    bob.type_line("dearer").await;
    alice.type_line("/me nods").await;
    alice.hear("#den <bob> dearer").await;
    let heard = bob.hear("#den * alice nods").await;
    // What the refusals on the way said is nobody's business.
    assert!(!heard.iter().any(|line| line.contains("stamp")), "{heard:?}");
    for talk in [alice, bob] {
        assert_eq!(talk.end().await.0, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripted_input_is_delivered_and_the_exit_code_is_0() {
    let (lobby, home) = (Lobby::start().await, home());
    let ended = run(lobby.client(home.path(), &["--nick", "bob"]), "hello\r\n\n  two words\nno line feed").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(lobby.said().await, [json!(["hello"]), json!(["  two words"]), json!(["no line feed"])]);
    // It heard itself before it ended, and what is for programs was not shown.
    assert!(ended.out.contains(" #lobby <bob> no line feed\n"), "{ended:?}");
    assert!(!ended.out.contains("CHANTYPES") && ended.out.contains("-- Welcome to the lobby, bob\n"), "{ended:?}");
    assert_eq!(ended.err, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_prints_envelopes_one_a_line() {
    let (lobby, home) = (Lobby::start().await, home());
    let ended = run(lobby.client(home.path(), &["--nick", "bob", "--json"]), "hello\n").await;
    let events: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let commands: Vec<&str> = events.iter().map(|event| event["command"].as_str().unwrap()).collect();
    assert_eq!(commands[0], "001");
    let said = events.iter().find(|event| event["command"] == "PRIVMSG").unwrap();
    assert_eq!(*said, lobby.history().await[0]);
    assert_eq!((ended.code, &*ended.err), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn literal_input_holds_no_commands() {
    let (lobby, home) = (Lobby::start().await, home());
    let ended = run(lobby.client(home.path(), &["--literal"]), "/quit\n").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(lobby.said().await, [json!(["/quit"])]);
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
async fn a_server_that_restarts_loses_no_line_and_repeats_none() {
    let (mut lobby, homes) = (Lobby::start().await, [home(), home()]);
    let mut listener = lobby.talk(homes[0].path(), &["--nick", "listener"]);
    listener.hear("listener joined #lobby").await;
    let mut speaker = lobby.talk(homes[1].path(), &["--nick", "speaker"]);
    listener.hear("speaker joined #lobby").await;
    speaker.type_line("1").await;
    listener.hear("<speaker> 1").await;
    speaker.type_line("2").await;
    // What the listener has not fetched when the server stops waits for it.
    speaker.hear("<speaker> 2").await;
    lobby.stop().await;
    // Said to a server that is not there.
    speaker.type_line("3").await;
    speaker.type_line("4").await;
    lobby.start_again().await;
    speaker.type_line("5").await;
    let heard = listener.hear("<speaker> 5").await;
    let said: Vec<&str> = heard.iter().filter_map(|line| line.split_once("<speaker> ")).map(|(_, text)| text).collect();
    assert_eq!(said, ["2", "3", "4", "5"]);
    for talk in [listener, speaker] {
        assert_eq!(talk.end().await.0, 0);
    }
    assert_eq!(lobby.said().await, ["1", "2", "3", "4", "5"].map(|text| json!([text])));
}

/// A proxy that breaks the first connection on which `word` is said, after the server
/// has answered and before anybody hears of it. True once that was done.
async fn break_after(word: &'static str, upstream: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (said, broken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let was_broken = broken.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(upstream).await.unwrap().into_split();
            let (said, broken, breaks) = (said.clone(), broken.clone(), Arc::new(AtomicBool::new(false)));
            let breaking = breaks.clone();
            let up = async move {
                let mut bytes = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                    if String::from_utf8_lossy(&bytes[..length]).contains(word) && !said.swap(true, SeqCst) {
                        breaking.store(true, SeqCst);
                    }
                    to_server.write_all(&bytes[..length]).await.unwrap();
                }
            };
            let down = async move {
                let mut bytes = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
                    if breaks.load(SeqCst) {
                        broken.store(true, SeqCst);
                        return;
                    }
                    to_client.write_all(&bytes[..length]).await.unwrap();
                }
            };
            tokio::spawn(async move {
                tokio::select! {
                    () = up => {}
                    () = down => {}
                }
            });
        }
    });
    (address, was_broken)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_was_lost_is_said_once() {
    let (lobby, home) = (Lobby::start().await, home());
    let (proxy, broken) = break_after("precious", lobby.address).await;
    let mut command = client(home.path());
    command.args(["--server", &format!("http://{proxy}"), "--nick", "bob"]);
    let ended = run(command, "precious\nnext\n").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(broken.load(SeqCst));
    assert_eq!(lobby.said().await, [json!(["precious"]), json!(["next"])]);
    assert_eq!(ended.out.matches("<bob> precious").count(), 1, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nick_whose_cookie_was_lost_on_the_way_is_had_all_the_same() {
    let (lobby, home) = (Lobby::start().await, home());
    let (proxy, broken) = break_after("POST /api/v1/session", lobby.address).await;
    let mut command = client(home.path());
    command.args(["--server", &format!("http://{proxy}"), "--nick", "bob"]);
    let ended = run(command, "it is me\n").await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(broken.load(SeqCst));
    assert_eq!(lobby.history().await[0]["from"], "bob");
}

/// A proxy that changes `from` into `to`, of the same length, where it first comes in
/// an answer.
async fn replace_once(from: &'static str, to: &'static str, upstream: SocketAddr) -> SocketAddr {
    assert_eq!(from.len(), to.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(upstream).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            let done = done.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 16 * 1024];
                while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
                    let text = &mut bytes[..length];
                    let at = text.windows(from.len()).position(|part| part == from.as_bytes());
                    if let Some(at) = at
                        && !done.swap(true, SeqCst)
                    {
                        text[at..at + to.len()].copy_from_slice(to.as_bytes());
                    }
                    if to_client.write_all(text).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
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
async fn hostile_text_never_reaches_the_output() {
    let (lobby, homes) = (Lobby::start().await, [home(), home(), home()]);
    let mut plain = lobby.talk(homes[0].path(), &["--nick", "plain"]);
    plain.hear("plain joined #lobby").await;
    let mut json = lobby.talk(homes[1].path(), &["--nick", "json", "--json"]);
    plain.hear("json joined #lobby").await;
    let hostile = "\u{1b}]0;title\u{7}\u{9b}2J\u{8}\u{7f}\u{202e}end";
    let script = format!("{}\n/topic {}\n", raw("#lobby", hostile), "x\u{1b}[31m");
    let ended = run(lobby.client(homes[2].path(), &["--nick", "evil"]), &script).await;
    assert!(!ended.out.contains('\u{1b}'), "{ended:?}");
    let (shown, printed) = (plain.hear("end").await.pop().unwrap(), json.hear("end").await.pop().unwrap());
    assert!(shown.contains("<evil> \u{fffd}]0;title\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}\u{fffd}end"), "{shown:?}");
    assert!(printed.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{printed:?}");
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["body"], json!([hostile]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_url_is_explained_in_one_sentence() {
    let home = home();
    let at = |url: String| {
        let mut command = client(home.path());
        command.args(["--server", &url]);
        command
    };
    // Nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ended = run(at(format!("http://{nobody}")), "hello\n").await;
    assert_eq!(ended.code, 3);
    let sentence = format!("neoirc-cli: http://{nobody} cannot be reached: ");
    assert!(ended.err.starts_with(&sentence) && ended.err.lines().count() == 1, "{ended:?}");
    // Somebody else listens.
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = stranger.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = stranger.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n<html>\x1b[2J").await;
        }
    });
    let ended = run(at(format!("http://{address}")), "hello\n").await;
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("does not answer like a lobby") && ended.err.lines().count() == 1, "{ended:?}");
    // A server of ours, where something else lives.
    let lobby = Lobby::start().await;
    let ended = run(at(format!("{}/elsewhere", lobby.url())), "hello\n").await;
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("/elsewhere does not answer like a lobby: it answers 404"), "{ended:?}");
    assert_eq!(run(at("example.org".into()), "").await.code, 2);
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
async fn what_is_refused_shows_in_the_exit_code() {
    let (lobby, home) = (Lobby::start().await, home());
    let long = "x".repeat(4097);
    for (input, part) in [
        ("/msg nobody hello\n", "nobody: No such nick"),
        ("/part\nhello\n", "/join a channel first"),
        ("/frobnicate\n", "there is no command /frobnicate"),
        (&format!("{long}\n"), "at most 50 lines of 4096 bytes"),
    ] {
        let ended = run(lobby.client(home.path(), &["--nick", "bob"]), &format!("{input}/msg #lobby rest\n")).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.err.contains(part), "{ended:?}");
    }
    // What was right was done all the same.
    assert_eq!(lobby.said().await.len(), 3);
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
