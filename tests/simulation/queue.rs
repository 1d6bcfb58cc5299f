//! A simulated queue: what is sent comes once or twice, soon or late, in any order, and again where it is asked for.

use std::rc::Rc;

use seedhook::ports::{Batch, Queue, StoreError};
use seedhook::service::sweep::{Handled, advance_batch, batch_budget};

use crate::chance::REQUESTS;
use crate::life::CRON_MS_MAX;
use crate::operation::Port;
use crate::world::{Invocation, World};

/// How often a message comes again at the most: then it would be in the dead-letter queue.
const RETRIES_MAX: u32 = 3;
/// How long before it does.
const RETRY_MS: i64 = 30_000;

impl Queue for Invocation {
    fn has_queue(&self) -> bool {
        self.world.profile.queue
    }

    async fn send(&self, batches: &[Batch], delay_s: u32) -> Result<(), StoreError> {
        self.operate(Port::R2, "queue send", |state| {
            for batch in batches {
                let count = if state.calm || state.rng.bool() { 1 } else { 2 };
                for _ in 0..count {
                    // Mostly at once; some so late that they are not worth anything any more.
                    let below_ms =
                        if state.calm { 1_000 } else { [1_000, 60_000, 720_000][state.rng.usize(..3)] };
                    let at_ms = self.now_ms() + 1_000 * i64::from(delay_s) + state.rng.i64(0..below_ms);
                    let arrival = arrive(Rc::clone(&self.world), batch.clone(), at_ms);
                    self.world.executor.spawn(Box::pin(arrival), at_ms + CRON_MS_MAX);
                }
            }
            Ok(())
        })
        .await
    }
}

/// A message comes, and comes again; each time in an invocation of its own.
async fn arrive(world: Rc<World>, batch: Batch, mut at_ms: i64) {
    for _ in 0..=RETRIES_MAX {
        world.executor.sleep_until(at_ms).await;
        let requests = if world.state.borrow().calm { REQUESTS } else { world.profile.requests };
        let on = world.invocation("batch", requests);
        let budget = batch_budget(&on, requests);
        let (swept, handled) = advance_batch(&on, batch.clone(), &budget).await;
        on.tell(&mut world.state.borrow_mut(), || format!("{swept:?}: {handled:?}"));
        on.finished.set(true);
        if handled == Handled::Done {
            break;
        }
        at_ms = world.now_ms() + RETRY_MS;
    }
}
