//! The live connection: what it tells, what it takes, and when it is closed.

use crate::support::TestServer;
use futures::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    client::IntoClientRequest,
    protocol::{
        CloseFrame,
        frame::{
            Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

#[tokio::test]
async fn the_first_message_is_the_whole_state() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    let first = socket.next_json().await;
    let puzzle = client.puzzle().await;
    assert_eq!(first["type"], "PUZZLE");
    for field in ["round", "seed", "difficulty", "target", "memory_cost", "time_cost", "parallelism"] {
        assert_eq!(first[field], puzzle[field], "{field}");
    }
    assert_eq!((&first["online"], &first["active_miners"]), (&json!(1), &json!(0)));
    assert!(first["mining_time"].is_number() && first["total_hashrate"].is_number());
}

#[tokio::test]
async fn a_win_resets_everybody_at_once() {
    let server = TestServer::start(&[]).await;
    let winner = server.client_with_session().await;
    let watcher = server.client_with_bearer("watcher");
    let mut sockets = [winner.socket().await, watcher.socket_with_token("watcher").await];
    let puzzle = winner.puzzle().await;
    let solution = winner.solve(&puzzle).await;
    assert_eq!(winner.verify(&solution).await.status(), 200);
    for socket in &mut sockets {
        let reset = socket.next_of("PUZZLE_RESET").await;
        assert_eq!((&reset["round"], &reset["reason"]), (&json!(2), &json!("solved")));
        assert_ne!(reset["seed"], puzzle["seed"]);
        assert!(reset["solve_time"].is_number());
        assert_eq!(reset["clock_running"], false, "nobody has said that they mine");
        for field in ["difficulty", "target", "memory_cost", "time_cost", "parallelism"] {
            assert!(!reset[field].is_null(), "{field}");
        }
    }
}

#[tokio::test]
async fn an_unsolved_round_ends_after_its_mining_time_and_everybody_hears_of_it() {
    let server = TestServer::start(&[
        ("HASHPASS_DIFFICULTY", "6"),
        ("HASHPASS_TARGET_TIME_MIN", "0.1"),
        ("HASHPASS_TARGET_TIME_MAX", "0.5"),
    ])
    .await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    socket.say(r#"{"type":"mining_start"}"#).await;
    let reset = socket.next_of("PUZZLE_RESET").await;
    assert_eq!((&reset["reason"], &reset["solve_time"]), (&json!("timeout"), &Value::Null));
    assert_eq!(reset["difficulty"], 5);
}

#[tokio::test]
async fn figures_follow_what_miners_say() {
    let server = TestServer::start(&[("HASHPASS_DIFFICULTY", "6")]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    socket.say("ping").await;
    assert_eq!(socket.next_of("PONG").await, json!({"type": "PONG", "online": 1}));
    socket.say(r#"{"type":"mining_start"}"#).await;
    socket.say(r#"{"type":"hashrate","payload":{"rate":123.5}}"#).await;
    let figures = loop {
        let figures = socket.next_of("NETWORK_HASHRATE").await;
        // They may be gathered between the two messages.
        if figures["total_hashrate"] != 0.0 {
            break figures;
        }
    };
    assert_eq!((&figures["total_hashrate"], &figures["active_miners"]), (&json!(123.5), &json!(1)));
    assert_eq!(figures["online"], 1);
    // Whoever comes in is told what everybody knows, and how many there are now.
    let first = client.socket().await.next_of("PUZZLE").await;
    assert_eq!((&first["total_hashrate"], &first["active_miners"]), (&json!(123.5), &json!(1)));
    assert_eq!(first["online"], 2);
    assert!(1e9 < figures["timestamp"].as_f64().unwrap());
    let puzzle = client.puzzle().await;
    assert_eq!(puzzle["clock_running"], true);
    assert!(0.0 < puzzle["mining_time"].as_f64().unwrap());
    drop(socket);
    // The clock stops with the last miner, however it leaves.
    loop {
        if client.puzzle().await["clock_running"] == false {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_connection_lives() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    for (message, code) in [
        ("nonsense", "unknown_message"),
        (r#"{"type":"admin"}"#, "unknown_message"),
        (r#"{"type":"hashrate","payload":{"rate":-5}}"#, "bad_hashrate"),
        (r#"{"type":"hashrate","payload":{"rate":1e300}}"#, "bad_hashrate"),
    ] {
        socket.say(message).await;
        let error = socket.next_of("ERROR").await;
        assert_eq!(error["code"], code, "{message}");
    }
    socket.say("ping").await;
    assert_eq!(socket.next_of("PONG").await["online"], 1);
}

#[tokio::test]
async fn connections_that_misbehave_are_closed_with_the_right_code() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;

    let mut nobody = server.client().socket().await;
    let rejected = nobody.next_json().await;
    assert_eq!((&rejected["type"], &rejected["code"]), (&json!("REJECTED"), &json!("missing_token")));
    assert_eq!(nobody.close_code().await, CloseCode::Policy);

    let mut loud = client.socket().await;
    loud.say(&"x".repeat(4097)).await;
    assert_eq!(loud.close_code().await, CloseCode::Size);
    let mut louder = client.socket().await;
    louder.say(&"x".repeat(100_000)).await;
    assert_eq!(louder.close_code().await, CloseCode::Size);

    let mut hasty = client.socket().await;
    for _ in 0..60 {
        if hasty.stream.send(Message::Text("ping".into())).await.is_err() {
            break;
        }
    }
    assert_eq!(hasty.close_code().await, CloseCode::Policy);
    for frame in [Message::Ping("ping".into()), Message::Pong("ping".into())] {
        let mut hasty = client.socket().await;
        for _ in 0..60 {
            if hasty.stream.send(frame.clone()).await.is_err() {
                break;
            }
        }
        assert_eq!(hasty.close_code().await, CloseCode::Policy, "{frame:?}");
    }

    let mut binary = client.socket().await;
    binary.stream.send(Message::Binary(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(binary.next_of("ERROR").await["code"], "unknown_message");
    assert_eq!(binary.close_code().await, CloseCode::Unsupported);

    let no_text = Frame::message(vec![0xff], OpCode::Data(Data::Text), true);
    let no_opcode = Frame::message(vec![1], OpCode::Data(Data::Reserved(3)), true);
    for (frame, code) in [(no_text, CloseCode::Invalid), (no_opcode, CloseCode::Protocol)] {
        let mut broken = client.socket().await;
        broken.stream.send(Message::Frame(frame)).await.unwrap();
        assert_eq!(broken.close_code().await, code);
    }

    let mut foreign = client.socket_url().into_client_request().unwrap();
    foreign.headers_mut().insert("origin", "https://evil.test".parse().unwrap());
    assert!(tokio_tungstenite::connect_async(foreign).await.is_err());
}

#[tokio::test]
async fn a_client_that_closes_is_answered_with_its_own_code() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    for code in [CloseCode::Normal, CloseCode::Away] {
        let mut socket = client.socket().await;
        socket.next_of("PUZZLE").await;
        socket.stream.close(Some(CloseFrame { code, reason: "".into() })).await.unwrap();
        assert_eq!(socket.close_code().await, code);
    }
}

#[tokio::test]
async fn stopping_closes_connections_with_1012_and_ends() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut socket = client.socket().await;
    socket.next_of("PUZZLE").await;
    let stopped = server.stop();
    assert_eq!(socket.close_code().await, CloseCode::Restart);
    stopped.await;
}

#[tokio::test]
async fn a_reader_that_never_reads_delays_no_winner() {
    let server = TestServer::start(&[]).await;
    let client = server.client_with_session().await;
    let mut deaf = Vec::new();
    for _ in 0..20 {
        deaf.push(client.socket().await);
    }
    for round in 1..=3 {
        let solution = client.solve(&client.puzzle().await).await;
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        assert_eq!(won["round"], round);
    }
    // Whoever comes back to reading finds the newest state.
    let mut last = deaf.pop().unwrap();
    while last.next_of("PUZZLE_RESET").await["round"] != 4 {}
}
