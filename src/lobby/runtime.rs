//! The lobby's own threads: what is asked of it is worked off beside the race, and never
//! in its way.
//!
//! One worker thread carries out commands, waits on long polls and cleans up. However
//! much is asked of the lobby, the race loses no more than that thread's share of a core,
//! and the thread stands back where there is work for the race.

use super::{error::LobbyError, store::StoreError};
use std::{future::Future, io, sync::OnceLock};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
};

/// The runtime, once it was started. Without one everything is done where it is asked
/// for, as in tests.
#[derive(Debug, Default)]
pub(super) struct OwnRuntime(OnceLock<Runtime>);

/// A task that ends when nobody waits for it any more.
struct Waited<T>(JoinHandle<T>);

impl<T> Drop for Waited<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        // The last handle may be dropped by a task, which must not wait for threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl OwnRuntime {
    /// Starts the thread.
    pub(super) fn start(&self) -> io::Result<()> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("lobby")
            .on_thread_start(stand_back)
            .enable_all()
            .build()?;
        // A second one would have nothing to do.
        if let Err(second) = self.0.set(runtime) {
            second.shutdown_background();
        }
        Ok(())
    }

    /// Has something done in the background, in the order in which it was asked for.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self.0.get() {
            Some(runtime) => drop(runtime.spawn(work)),
            None => drop(Handle::try_current().map(|here| here.spawn(work))),
        }
    }

    /// Has something done, to its end even if nobody waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LobbyError>> + Send + 'static,
    ) -> Result<T, LobbyError> {
        let Some(runtime) = self.0.get() else { return work.await };
        runtime.spawn(work).await.unwrap_or(Err(LobbyError::Store(StoreError::Failed)))
    }

    /// The same, but only as long as somebody waits for it.
    pub(super) async fn run_while_waited_for<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LobbyError>> + Send + 'static,
    ) -> Result<T, LobbyError> {
        let Some(runtime) = self.0.get() else { return work.await };
        let mut task = Waited(runtime.spawn(work));
        (&mut task.0).await.unwrap_or(Err(LobbyError::Store(StoreError::Failed)))
    }
}

/// How far the lobby's thread stands back: beside a thread of the race it gets a tenth of
/// a core, alone it gets all of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Gives the calling thread less of a core than others that have work.
#[cfg(target_os = "linux")]
fn stand_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    // For Linux a thread is what elsewhere is a process.
    let thread = Some(rustix::thread::gettid());
    let outcome = getpriority_process(thread).and_then(|now| setpriority_process(thread, now.max(NICENESS)));
    if let Err(error) = outcome {
        tracing::debug!(%error, "the lobby's thread does not stand back");
    }
}

/// Where a priority is that of the whole process the thread keeps it.
#[cfg(not(target_os = "linux"))]
const fn stand_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_thread_stands_back_for_those_of_the_race() {
        let own = OwnRuntime::default();
        own.start().unwrap();
        let niceness = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let here = niceness();
        let there = Builder::new_current_thread().build().unwrap().block_on(own.run(async move { Ok(niceness()) }));
        assert_eq!((there.unwrap(), niceness()), (NICENESS.max(here), here), "and nobody else does");
    }

    #[test]
    fn the_last_handle_may_be_dropped_by_a_task() {
        let own = OwnRuntime::default();
        own.0.set(Builder::new_multi_thread().worker_threads(1).build().unwrap()).unwrap();
        Builder::new_current_thread().build().unwrap().block_on(async move { drop(own) });
    }
}
