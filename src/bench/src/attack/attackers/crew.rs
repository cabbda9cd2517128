//! The tasks of one attack, the thread that they work on, and their pace.

use super::{Pace, Shared};
use crate::Result;
use std::{future::Future, sync::Arc};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Semaphore,
    task::JoinSet,
    time::{Duration, Instant, MissedTickBehavior},
};

/// How much the system prefers all others to the attackers' thread.
const NICENESS: i32 = 10;

/// A runtime whose one thread gives way to all others.
#[derive(Debug)]
pub(super) struct Background(Option<Runtime>);

impl Background {
    pub(super) fn start() -> Result<Self> {
        // The system has it of the thread alone, not of the process.
        let give_way = || {
            // A system that does not allow it has the attack a little harder.
            let _ = rustix::process::nice(NICENESS);
        };
        let runtime = Builder::new_multi_thread().worker_threads(1).on_thread_start(give_way).enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The last handle may be dropped by a task, which must not wait for threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Who carries out one attack.
#[derive(Debug)]
pub(crate) struct Crew {
    shared: Arc<Shared>,
    turns: Turns,
    tasks: JoinSet<()>,
    background: Option<Handle>,
}

impl Crew {
    pub(super) fn new(shared: Arc<Shared>, background: Option<Handle>, pace: Pace) -> Self {
        let (rate, turns) = (shared.force.pace, Turns::new(pace));
        let mut crew = Self { shared, turns, tasks: JoinSet::new(), background };
        if let Some(permits) = crew.turns.0.clone() {
            crew.spawn(release(permits, rate));
        }
        crew
    }

    pub(super) fn into_tasks(self) -> JoinSet<()> {
        self.tasks
    }

    /// What all attackers know.
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The pace of all of them together.
    pub(crate) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// True if they keep a pace.
    pub(crate) const fn is_paced(&self) -> bool {
        self.turns.0.is_some()
    }

    /// One more task.
    pub(crate) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        match &self.background {
            Some(background) => drop(self.tasks.spawn_on(work, background)),
            None => drop(self.tasks.spawn(work)),
        }
    }
}

/// Permits to do something: at a pace, or whenever one likes.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Option<Arc<Semaphore>>);

impl Turns {
    fn new(pace: Pace) -> Self {
        Self((pace == Pace::Steady).then(|| Arc::new(Semaphore::new(0))))
    }

    /// Waits until so much may be done.
    pub(crate) async fn take(&self, much: usize) {
        match &self.0 {
            Some(permits) => {
                if let Ok(permit) = permits.acquire_many(u32::try_from(much).unwrap_or(u32::MAX)).await {
                    permit.forget();
                }
            }
            // Others have their turn too.
            None => tokio::task::yield_now().await,
        }
    }
}

/// Releases `rate` permits a second; those that nobody takes within a second are lost.
async fn release(permits: Arc<Semaphore>, rate: usize) {
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut owed = 0.0;
    loop {
        let now = ticks.tick().await;
        owed += (now - last).as_secs_f64() * rate as f64;
        last = now;
        let whole = owed as usize;
        owed -= whole as f64;
        let room = rate.saturating_sub(permits.available_permits());
        permits.add_permits(whole.min(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_steady_pace_is_kept_and_what_costs_more_than_a_second_is_saved_up_for() {
        let turns = Turns::new(Pace::Steady);
        tokio::spawn(release(turns.0.clone().unwrap(), 100));
        let began = Instant::now();
        for _ in 0..50 {
            turns.take(1).await;
        }
        assert!((450..=550).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        turns.take(250).await;
        assert!((2_900..=3_100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    }
}
