//! A log that cannot be written: lines are lost, and nothing else.

use crate::support::process::ServerProcess;
use serde_json::Value;
use std::{fs::OpenOptions, process::Stdio};

/// What becomes of the log.
#[derive(Clone, Copy, Debug)]
enum Log {
    /// It is on a disk that is full.
    OnAFullDisk,
    /// Its reader has gone.
    Closed,
    /// Its reader sleeps, and the pipe is full after a while.
    Asleep,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_written_stops_nothing() {
    for log in [Log::OnAFullDisk, Log::Closed, Log::Asleep] {
        let directory = tempfile::tempdir().unwrap();
        let stderr = match log {
            Log::OnAFullDisk => OpenOptions::new().write(true).open("/dev/full").unwrap().into(),
            Log::Closed | Log::Asleep => Stdio::piped(),
        };
        // Much is said, so that it does not fit into a pipe.
        let mut server = ServerProcess::start_with_log(directory.path(), &[("RUST_LOG", "trace")], stderr);
        let unread = server.take_log().filter(|_| matches!(log, Log::Asleep));
        let client = server.client().try_with_session().await.unwrap();
        for round in 1..=5 {
            for _ in 0..100 {
                client.get("/api/turnstile/config").await;
            }
            let solution = client.solve(&client.puzzle().await).await;
            let won: Value = client.verify(&solution).await.json().await.unwrap();
            assert_eq!(won["round"], round, "{log:?}");
        }
        assert_eq!(client.get("/api/health").await.status(), 200, "{log:?}");
        let (status, _) = server.terminate();
        assert!(status.success(), "{log:?}: {status}");
        drop(unread);
    }
}
