//! Runs futures: each is polled when it is added, and again at once whenever it is woken.
//!
//! `wasm-bindgen-futures` defers each poll to a microtask and pays for it with closures. Here the runtime's callback polls.
//! Two things make that safe. *Re-entrance*: a wake-up during a poll only queues its task, and the outermost call
//! polls it, so that no future is polled within another's poll. *Stack depth*: the queue is worked off in a loop, so that a
//! chain of tasks that wake each other does not nest.
//!
//! It knows no JavaScript, so that it is tested natively.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use futures_util::future::LocalBoxFuture;

use crate::timestamp::{MINUTE_MS, Timestamp};

/// A task older than this is dropped, milliseconds: the runtime has ended its invocation (30 s after an answer, or when
/// the client has gone and nothing keeps it) and will never wake it. The longest live one is a cron's, of 15 minutes.
pub(crate) const TASK_MS_MAX: i64 = 20 * MINUTE_MS;

thread_local! {
    static EXECUTOR: Executor = Executor::default();
}

#[derive(Default)]
struct Executor {
    next: Cell<u64>,
    /// In the order of their numbers, which is that of their age.
    tasks: RefCell<BTreeMap<u64, Task>>,
    woken: RefCell<VecDeque<u64>>,
    is_polling: Cell<bool>,
}

struct Task {
    since: Timestamp,
    /// `None` while it is polled.
    future: Option<LocalBoxFuture<'static, ()>>,
    waker: Waker,
}

struct TaskWaker(u64);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        // Not where thread-locals are gone already: nothing can be polled then.
        let _ = EXECUTOR.try_with(|executor| executor.wake(self.0));
    }
}

/// Adds a future that began at `now`, and polls it. Tasks that are too old are dropped.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static, now: Timestamp) {
    EXECUTOR.with(|executor| executor.spawn(Box::pin(future), now));
}

impl Executor {
    fn spawn(&self, future: LocalBoxFuture<'static, ()>, now: Timestamp) {
        let number = self.next.replace(self.next.get() + 1);
        let task = Task { since: now, future: Some(future), waker: Waker::from(Arc::new(TaskWaker(number))) };
        let expired = {
            let mut tasks = self.tasks.borrow_mut();
            tasks.insert(number, task);
            let is_old = |task: &Task| now.since_ms(task.since) > TASK_MS_MAX && task.future.is_some();
            let old: Vec<u64> =
                tasks.iter().take_while(|(_, task)| is_old(task)).map(|(number, _)| *number).collect();
            old.into_iter().filter_map(|number| tasks.remove(&number)).collect::<Vec<_>>()
        };
        // After the borrow has ended: what a future drops may wake another.
        drop(expired);
        self.wake(number);
    }

    fn wake(&self, number: u64) {
        self.woken.borrow_mut().push_back(number);
        if self.is_polling.replace(true) {
            return;
        }
        // This ends when no task is awake: a task must not wake itself without end.
        while let Some(number) = self.next_woken() {
            self.poll(number);
        }
        self.is_polling.set(false);
    }

    fn next_woken(&self) -> Option<u64> {
        self.woken.borrow_mut().pop_front()
    }

    fn poll(&self, number: u64) {
        let taken = self.tasks.borrow_mut().get_mut(&number).and_then(|task| {
            let waker = task.waker.clone();
            task.future.take().map(|future| (future, waker))
        });
        // A task that has ended, and was woken once more.
        let Some((mut future, waker)) = taken else { return };
        let is_ready = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if !is_ready && let Some(task) = self.tasks.borrow_mut().get_mut(&number) {
            task.future = Some(future);
            return;
        }
        let ended = self.tasks.borrow_mut().remove(&number);
        drop((future, ended));
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use futures_channel::oneshot;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    type Seen = Rc<RefCell<Vec<&'static str>>>;

    fn tasks() -> usize {
        EXECUTOR.with(|executor| executor.tasks.borrow().len())
    }

    #[test]
    fn a_future_is_polled_at_once_and_when_it_is_woken() {
        let seen = Seen::default();
        let (sender, receiver) = oneshot::channel();
        let log = Rc::clone(&seen);
        spawn(
            async move {
                log.borrow_mut().push("begun");
                receiver.await.unwrap();
                log.borrow_mut().push("ended");
            },
            at(0),
        );
        assert_eq!((&**seen.borrow(), tasks()), (&["begun"][..], 1));
        sender.send(()).unwrap();
        assert_eq!((&**seen.borrow(), tasks()), (&["begun", "ended"][..], 0));
    }

    #[test]
    fn a_future_that_is_woken_during_a_poll_is_polled_after_it() {
        let seen = Seen::default();
        let (sender, receiver) = oneshot::channel();
        let (first, second) = (Rc::clone(&seen), Rc::clone(&seen));
        spawn(
            async move {
                receiver.await.unwrap();
                first.borrow_mut().push("woken");
            },
            at(0),
        );
        spawn(
            async move {
                sender.send(()).unwrap();
                second.borrow_mut().push("after the wake-up");
            },
            at(0),
        );
        assert_eq!(*seen.borrow(), ["after the wake-up", "woken"]);
    }

    #[test]
    fn a_future_may_spawn_and_wake_itself() {
        let seen = Seen::default();
        let log = Rc::clone(&seen);
        spawn(
            async move {
                let (sender, receiver) = oneshot::channel();
                spawn(async move { sender.send(()).unwrap() }, at(0));
                receiver.await.unwrap();
                log.borrow_mut().push("ended");
            },
            at(0),
        );
        assert_eq!((&**seen.borrow(), tasks()), (&["ended"][..], 0));
    }

    #[test]
    fn a_long_chain_of_wake_ups_does_not_nest() {
        let (first, mut receiver) = oneshot::channel();
        for _ in 0..100_000 {
            let (sender, next) = oneshot::channel();
            let waits_for = std::mem::replace(&mut receiver, next);
            spawn(
                async move {
                    waits_for.await.unwrap();
                    sender.send(()).unwrap();
                },
                at(0),
            );
        }
        first.send(()).unwrap();
        assert_eq!((receiver.try_recv(), tasks()), (Ok(Some(())), 0));
    }

    #[test]
    fn a_task_that_the_runtime_gave_up_is_dropped_in_the_end() {
        let held = Rc::new(());
        let kept = Rc::clone(&held);
        spawn(
            async move {
                std::future::pending::<()>().await;
                drop(kept);
            },
            at(0),
        );
        spawn(async {}, at(TASK_MS_MAX));
        assert_eq!(Rc::strong_count(&held), 2);
        spawn(async {}, at(TASK_MS_MAX + 1));
        assert_eq!((Rc::strong_count(&held), tasks()), (1, 0));
    }
}
