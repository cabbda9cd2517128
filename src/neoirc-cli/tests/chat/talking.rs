//! What is said, heard and refused.

use crate::support::{Lobby, home, raw, run};
use serde_json::{Value, json};

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
