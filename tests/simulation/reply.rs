//! The connection between a sender and an invocation: an answer comes, or it breaks.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

use crate::executor::TaskNumber;
use crate::world::World;

/// Where an answer is waited for; without one the sender hears 503.
#[derive(Default)]
pub(crate) struct Letter {
    pub(crate) status: Option<u16>,
    pub(crate) waiter: Option<(TaskNumber, Waker)>,
}

/// The invocation's end of the letter; dropped without an answer, the connection breaks.
pub(crate) struct Reply {
    pub(crate) world: Rc<World>,
    pub(crate) letter: Rc<RefCell<Letter>>,
}

impl Reply {
    pub(crate) fn send(&self, status: u16) {
        let letter = &mut *self.letter.borrow_mut();
        if letter.status.is_none() {
            letter.status = Some(status);
            if let Some((task, waker)) = letter.waiter.take() {
                self.world.executor.wake_at(self.world.now_ms(), task, &waker);
            }
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.send(503);
    }
}
