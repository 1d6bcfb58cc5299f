//! What operations of the runtime become: a slot for each, filled once from outside, awaited by one future.
//!
//! It knows no JavaScript, so that it is tested natively.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The slots of the operations that have not been awaited to their end. There are as many as futures that wait.
#[derive(Debug)]
pub(crate) struct Slots<T>(RefCell<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    next: u32,
    slots: BTreeMap<u32, Slot<T>>,
}

#[derive(Debug)]
enum Slot<T> {
    Waiting(Option<Waker>),
    Filled(T),
}

/// Waits until a slot is filled. Dropping it gives the slot up: what comes later is ignored.
#[derive(Debug)]
pub(crate) struct Filled<T> {
    slots: Rc<Slots<T>>,
    number: u32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(RefCell::new(Inner { next: 0, slots: BTreeMap::new() }))
    }
}

impl<T> Slots<T> {
    /// A new slot; its number is [`Filled::number`].
    pub(crate) fn open(self: &Rc<Self>) -> Filled<T> {
        let mut inner = self.0.borrow_mut();
        // After 4 billion operations numbers begin again; one that is still in use is passed over.
        while inner.slots.contains_key(&inner.next) {
            inner.next = inner.next.wrapping_add(1);
        }
        let number = inner.next;
        inner.next = number.wrapping_add(1);
        inner.slots.insert(number, Slot::Waiting(None));
        Filled { slots: Rc::clone(self), number }
    }

    /// Fills a slot and wakes the future that waits for it. A slot that was given up, or filled before, stays as it is.
    pub(crate) fn fill(&self, number: u32, value: T) {
        let waker = match self.0.borrow_mut().slots.get_mut(&number) {
            Some(slot @ Slot::Waiting(_)) => match std::mem::replace(slot, Slot::Filled(value)) {
                Slot::Waiting(waker) => waker,
                Slot::Filled(_) => None,
            },
            _ => None,
        };
        // After the borrow has ended: a woken task goes on at once, and opens slots.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Filled<T> {
    /// The number by which the slot is filled.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

impl<T> Future for Filled<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut inner = self.slots.0.borrow_mut();
        if let Some(Slot::Filled(value)) = inner.slots.remove(&self.number) {
            return Poll::Ready(value);
        }
        // A future that is polled after its end waits for ever, as async functions do not do that.
        inner.slots.insert(self.number, Slot::Waiting(Some(context.waker().clone())));
        Poll::Pending
    }
}

impl<T> Drop for Filled<T> {
    fn drop(&mut self) {
        self.slots.0.borrow_mut().slots.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use futures_util::FutureExt;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_slot_that_is_filled_wakes_its_future_once() {
        let slots = Rc::new(Slots::default());
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let mut filled = slots.open();
        assert_eq!(filled.poll_unpin(&mut context), Poll::Pending);
        slots.fill(filled.number(), 'a');
        slots.fill(filled.number(), 'b');
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(filled.poll_unpin(&mut context), Poll::Ready('a'));
    }

    #[test]
    fn a_slot_may_be_filled_before_it_is_awaited() {
        let slots = Rc::new(Slots::default());
        let filled = slots.open();
        slots.fill(filled.number(), 7);
        assert_eq!(filled.now_or_never(), Some(7));
    }

    #[test]
    fn what_comes_for_a_slot_that_was_given_up_is_ignored() {
        let slots = Rc::new(Slots::default());
        let first = slots.open();
        let number = first.number();
        drop(first);
        slots.fill(number, 1);
        let second = slots.open();
        assert_ne!(second.number(), number);
        assert_eq!(second.now_or_never(), None);
        assert!(slots.0.borrow().slots.is_empty());
    }

    #[test]
    fn numbers_that_begin_again_pass_over_those_in_use() {
        let slots = Rc::new(Slots::<()>::default());
        let old = slots.open();
        slots.0.borrow_mut().next = u32::MAX;
        let numbers = [slots.open(), slots.open()].map(|filled| filled.number());
        assert_eq!((old.number(), numbers), (0, [u32::MAX, 1]));
    }
}
