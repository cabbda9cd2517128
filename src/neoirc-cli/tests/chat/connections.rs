//! Servers that restart, answers that get lost, and servers that are none.

use super::proxy::break_after;
use crate::support::{Lobby, client, home, run};
use serde_json::json;
use std::sync::atomic::Ordering::SeqCst;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

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
