//! The thread that answers questions, with a connection of its own.

use super::{failure::store_error, open::open_reader};
use crate::ledger::{contract::Reply, error::StoreError};
use rusqlite::{Connection, Result};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, SyncSender, TrySendError},
    },
};
use tokio::sync::oneshot;

/// A question, with its way back.
type Question = Box<dyn FnOnce(&Connection) + Send>;

/// A cheap handle to the thread, which ends when it is closed or the last handle is
/// dropped.
#[derive(Clone)]
pub(super) struct Reader {
    /// None after the end.
    questions: Arc<Mutex<Option<SyncSender<Question>>>>,
    path: Arc<PathBuf>,
}

impl Reader {
    pub(super) fn start(path: &Path, most_waiting: usize) -> Result<Self, StoreError> {
        let connection = open_reader(path).map_err(|error| store_error("opening the database", path, &error, None))?;
        let (questions, waiting) = mpsc::sync_channel::<Question>(most_waiting);
        std::thread::Builder::new()
            .name("ledger-reader".to_owned())
            .spawn(move || {
                for question in waiting {
                    question(&connection);
                }
            })
            .map_err(|error| StoreError::from_io("starting the reader", path, &error))?;
        Ok(Self { questions: Arc::new(Mutex::new(Some(questions))), path: Arc::new(path.to_owned()) })
    }

    /// Has `work` done by the thread. What it reads is one consistent state.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Reply<T> {
        let (answer, answered) = oneshot::channel();
        let path = Arc::clone(&self.path);
        let question: Question = Box::new(move |connection| {
            let outcome = connection.unchecked_transaction().and_then(|transaction| work(&transaction));
            let _ = answer.send(outcome.map_err(|error| store_error(operation, &path, &error, None)));
        });
        let sent = match &*self.questions.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(questions) => questions.try_send(question).map_err(|error| match error {
                TrySendError::Full(_) => StoreError::overloaded(&self.path),
                TrySendError::Disconnected(_) => StoreError::closed(&self.path),
            }),
            None => Err(StoreError::closed(&self.path)),
        };
        let path = Arc::clone(&self.path);
        Box::pin(async move {
            sent?;
            answered.await.unwrap_or_else(|_| Err(StoreError::closed(&path)))
        })
    }

    /// Answers what was asked before, and nothing else.
    pub(super) async fn close(&self) {
        let questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(questions) = questions else { return };
        let (answer, answered) = oneshot::channel::<()>();
        let last: Question = Box::new(move |_| drop(answer));
        // Full or gone: then there is nobody to wait for.
        if questions.try_send(last).is_ok() {
            drop(questions);
            let _ = answered.await;
        }
    }
}
