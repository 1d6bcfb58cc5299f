//! Running several futures concurrently, with a limit, because a Worker may have six connections at the same time.

use futures_util::{StreamExt, stream};

/// Does `work` for each item in order, at most `limit` at the same time.
///
/// Most deliveries are one run, most sweeps move one, and most tasks have one file: a single item is awaited directly.
/// Each future is boxed, so that the caller's future stays small.
pub(super) async fn each_at_once<T, F>(limit: usize, items: impl Iterator<Item = T>, work: impl Fn(T) -> F)
where
    F: Future<Output = ()>,
{
    let mut works = items.map(|item| Box::pin(work(item)));
    let Some(first) = works.next() else { return };
    let Some(second) = works.next() else { return first.await };
    stream::iter([first, second].into_iter().chain(works)).for_each_concurrent(limit, |work| work).await;
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::FutureExt;

    use super::*;

    /// Works on so many items, each of which takes some turns; says how many were worked on at most at once.
    #[track_caller]
    fn check(count: usize, limit: usize, expected: usize) {
        let (now, most, done) = (Cell::new(0), Cell::new(0), RefCell::new(Vec::new()));
        let (now, most, done) = (&now, &most, &done);
        let work = |item| async move {
            now.set(now.get() + 1);
            most.set(now.get().max(most.get()));
            let mut turns = 0;
            std::future::poll_fn(|cx| {
                turns += 1;
                cx.waker().wake_by_ref();
                if turns > 3 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            now.set(now.get() - 1);
            done.borrow_mut().push(item);
        };
        let mut all = std::pin::pin!(each_at_once(limit, 0..count, work));
        assert!((0..100).any(|_| all.as_mut().now_or_never().is_some()), "it never ends");
        done.borrow_mut().sort_unstable();
        assert_eq!((&*done.borrow(), most.get()), (&(0..count).collect(), expected));
    }

    #[test]
    fn each_is_worked_on_and_no_more_than_so_many_at_once() {
        check(0, 4, 0);
        check(1, 4, 1);
        check(2, 4, 2);
        check(9, 4, 4);
        check(9, 1, 1);
    }
}
