//! What a sender posts: one event, or a batch of them that it puts together anew each time.

use crate::sender::Event;

/// What a sender posts until it is taken; each attempt is the same.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    /// What its sender calls it.
    pub(crate) id: String,
    /// The events in it, by their place among all events; one may be in it twice.
    pub(crate) events: Vec<usize>,
    pub(crate) body: String,
}

impl Parcel {
    /// A parcel of one event, known by the event's own id.
    pub(crate) fn of((place, event): (usize, &Event)) -> Self {
        Self { id: event.id.clone(), events: vec![place], body: event.body.clone() }
    }

    /// Batches that overlap: what is in one may be in another, in any order, alone, or twice.
    pub(crate) fn batches(rng: &mut fastrand::Rng, events: &[Event]) -> Vec<Self> {
        let count = rng.usize(1..=4);
        let draw = |number| {
            let mut places: Vec<usize> = (0..events.len()).filter(|_| rng.u8(..3) > 0).collect();
            rng.shuffle(&mut places);
            if places.is_empty() || rng.u8(..8) == 0 {
                places.push(rng.usize(..events.len()));
            }
            let items: Vec<String> = places.iter().map(|place| events[*place].item()).collect();
            Self { id: format!("batch{number}"), events: places, body: format!("[{}]", items.join(",")) }
        };
        (1..=count).map(draw).collect()
    }
}
