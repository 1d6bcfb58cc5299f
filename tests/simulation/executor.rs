//! Virtual time, and the tasks that live in it: one thread, no waiting, the same order each time.
//!
//! It knows nothing of webhooks. A task ends by itself, by its end of life, by a crash, or because it is killed.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Memory};
use std::task::{Context, Poll, Wake, Waker};

/// Which task, in the order in which they began.
pub(crate) type TaskNumber = usize;

/// An end of life that never comes.
pub(crate) const FOREVER: i64 = i64::MAX;

type Life = Pin<Box<dyn Future<Output = ()>>>;

/// Runs tasks over virtual time.
pub(crate) struct Executor {
    now_ms: Cell<i64>,
    sequence: Cell<u64>,
    wakeups: RefCell<BinaryHeap<Wakeup>>,
    tasks: RefCell<Vec<Slot>>,
    live: Cell<usize>,
    current: Cell<TaskNumber>,
    crashed: Cell<bool>,
    woken: Arc<Flag>,
    waker: Waker,
}

struct Slot {
    /// Absent while it is polled, and once it has ended.
    life: Option<Life>,
    ended: bool,
    ends_at_ms: i64,
}

impl Executor {
    pub(crate) fn new(now_ms: i64) -> Self {
        let woken = Arc::new(Flag(AtomicBool::new(false)));
        Self {
            now_ms: Cell::new(now_ms),
            sequence: Cell::new(0),
            wakeups: RefCell::default(),
            tasks: RefCell::default(),
            live: Cell::new(0),
            current: Cell::new(0),
            crashed: Cell::new(false),
            waker: Waker::from(Arc::clone(&woken)),
            woken,
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }

    /// The task whose turn it is.
    pub(crate) fn current(&self) -> TaskNumber {
        self.current.get()
    }

    /// How many tasks have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// Begins a task; its first turn comes in this very millisecond.
    pub(crate) fn spawn(&self, life: Life, ends_at_ms: i64) -> TaskNumber {
        let mut tasks = self.tasks.borrow_mut();
        tasks.push(Slot { life: Some(life), ended: false, ends_at_ms });
        let task = tasks.len() - 1;
        self.live.set(self.live.get() + 1);
        self.wake_at(self.now_ms(), task, &self.waker);
        task
    }

    /// Moves a task's end of life forward.
    pub(crate) fn end_at(&self, task: TaskNumber, ends_at_ms: i64) {
        let slot = &mut self.tasks.borrow_mut()[task];
        slot.ends_at_ms = slot.ends_at_ms.min(ends_at_ms);
    }

    /// Drops another task where it waits.
    pub(crate) fn kill(&self, task: TaskNumber) {
        let life = self.tasks.borrow_mut()[task].life.take();
        if life.is_some() {
            self.bury(task);
        }
    }

    /// Drops the current task at its next await.
    pub(crate) async fn crash(&self) {
        self.crashed.set(true);
        std::future::pending::<()>().await;
    }

    /// Waits.
    pub(crate) fn sleep_until(&self, at_ms: i64) -> Sleep<'_> {
        Sleep { executor: self, at_ms, asked: false }
    }

    /// Gives a task a turn at a time to come.
    pub(crate) fn wake_at(&self, at_ms: i64, task: TaskNumber, waker: &Waker) {
        let part = (!waker.will_wake(&self.waker)).then(|| waker.clone());
        let sequence = self.sequence.get();
        self.sequence.set(sequence + 1);
        self.wakeups.borrow_mut().push(Wakeup { at_ms, sequence, task, part });
    }

    /// Does what may be waited for together with something else, which then comes first: it skips no time.
    pub(crate) async fn beside<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| {
            // In a set of futures it has the waker that tells the set which of them goes on.
            let alone = cx.waker().will_wake(&self.waker);
            work.as_mut().poll(&mut Context::from_waker(if alone { Waker::noop() } else { cx.waker() }))
        })
        .await
    }

    /// Lets time pass up to then within the current turn, if nothing else happens before: neither another turn, nor the
    /// end of the task, nor anything [beside](Self::beside) it.
    fn skips_to(&self, at_ms: i64, waker: &Waker) -> bool {
        let nothing_before = self.wakeups.borrow().peek().is_none_or(|next| at_ms < next.at_ms);
        let skips = nothing_before
            && !self.crashed.get()
            && waker.will_wake(&self.waker)
            && at_ms <= self.tasks.borrow()[self.current.get()].ends_at_ms;
        if skips {
            self.now_ms.set(at_ms);
        }
        skips
    }

    /// Lets time pass up to the next turn of any task, and gives it; `false`: nothing is left to happen.
    pub(crate) fn turn(&self) -> bool {
        let Some(wakeup) = self.wakeups.borrow_mut().pop() else {
            return false;
        };
        self.now_ms.set(self.now_ms().max(wakeup.at_ms));
        let task = wakeup.task;
        let (life, ends_at_ms) = {
            let slot = &mut self.tasks.borrow_mut()[task];
            (slot.life.take(), slot.ends_at_ms)
        };
        let Some(mut life) = life else {
            return true;
        };
        if self.now_ms() > ends_at_ms {
            self.bury(task);
            return true;
        }
        if let Some(part) = wakeup.part {
            part.wake();
        }
        self.current.set(task);
        loop {
            self.woken.0.store(false, Memory::Relaxed);
            let ready = life.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready();
            let crashed = self.crashed.replace(false);
            if ready || crashed {
                self.bury(task);
                return true;
            }
            if !self.woken.0.load(Memory::Relaxed) {
                break;
            }
        }
        self.tasks.borrow_mut()[task].life = Some(life);
        true
    }

    /// Drops all tasks; what they hold may hold this.
    pub(crate) fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        self.wakeups.borrow_mut().clear();
    }

    fn bury(&self, task: TaskNumber) {
        if let Some(slot) = self.tasks.borrow_mut().get_mut(task)
            && !std::mem::replace(&mut slot.ended, true)
        {
            self.live.set(self.live.get() - 1);
        }
    }
}

/// Ends at a time.
pub(crate) struct Sleep<'a> {
    executor: &'a Executor,
    at_ms: i64,
    asked: bool,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.executor.now_ms() >= self.at_ms {
            return Poll::Ready(());
        }
        if !self.asked && self.executor.skips_to(self.at_ms, cx.waker()) {
            return Poll::Ready(());
        }
        if !self.asked {
            self.asked = true;
            self.executor.wake_at(self.at_ms, self.executor.current(), cx.waker());
        }
        Poll::Pending
    }
}

/// A turn to come; the earliest is the greatest, and of two at one time the one asked for first.
struct Wakeup {
    at_ms: i64,
    sequence: u64,
    task: TaskNumber,
    /// That of several futures which the task waits for, if it does.
    part: Option<Waker>,
}

impl Ord for Wakeup {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.sequence).cmp(&(self.at_ms, self.sequence))
    }
}

impl PartialOrd for Wakeup {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Wakeup {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Wakeup {}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Memory::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use futures_util::future::{join, select};

    use super::*;

    /// Runs some work to its end, and says at what times it told of something, and at what time another task did.
    fn told<F: Future<Output = ()> + 'static>(
        work: impl FnOnce(Rc<Executor>, Told) -> F,
    ) -> (Vec<i64>, Vec<i64>) {
        let executor = Rc::new(Executor::new(0));
        let (told, other) = (Told::default(), Told::default());
        executor.spawn(Box::pin(sleep(Rc::clone(&executor), 100, Rc::clone(&other))), FOREVER);
        executor.spawn(Box::pin(work(Rc::clone(&executor), Rc::clone(&told))), FOREVER);
        while executor.turn() {}
        assert_eq!(executor.live(), 0);
        executor.clear();
        (told.take(), other.take())
    }

    type Told = Rc<RefCell<Vec<i64>>>;

    async fn sleep(executor: Rc<Executor>, at_ms: i64, told: Told) {
        executor.sleep_until(at_ms).await;
        told.borrow_mut().push(executor.now_ms());
    }

    #[test]
    fn who_crashes_does_nothing_more_and_nobody_else_minds() {
        let crashing = |executor: Rc<Executor>, told: Told| async move {
            let meanwhile = sleep(Rc::clone(&executor), 5, told);
            select(pin!(executor.crash()), pin!(meanwhile)).await;
        };
        assert_eq!(told(crashing), (vec![], vec![100]));
    }

    #[test]
    fn what_is_waited_for_together_comes_in_its_time() {
        let together = |executor: Rc<Executor>, told: Told| async move {
            let late = executor.beside(sleep(Rc::clone(&executor), 5, Rc::clone(&told)));
            let soon = executor.beside(sleep(Rc::clone(&executor), 3, Rc::clone(&told)));
            join(late, soon).await;
        };
        assert_eq!(told(together), (vec![3, 5], vec![100]));
    }
}
