//! A queue that says when it is full.

use std::collections::VecDeque;
use std::collections::vec_deque;

/// First in, first out, up to a stated length.
///
/// Memory is taken as it fills, not in advance, and kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoundedQueue<T> {
    items: VecDeque<T>,
    len_max: usize,
}

impl<T> BoundedQueue<T> {
    /// An empty queue for at most `len_max` items.
    pub const fn new(len_max: usize) -> BoundedQueue<T> {
        BoundedQueue { items: VecDeque::new(), len_max }
    }

    /// Puts `item` last.
    ///
    /// # Errors
    /// The item itself if the queue is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.is_full() {
            return Err(item);
        }
        self.items.push_back(item);
        Ok(())
    }

    /// Puts `item` last and, if the queue was full, hands back the oldest to
    /// make room; if there can be no room, `item`.
    pub fn push_evicting(&mut self, item: T) -> Option<T> {
        if self.len_max == 0 {
            return Some(item);
        }
        let evicted = if self.is_full() { self.items.pop_front() } else { None };
        self.items.push_back(item);
        evicted
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    /// The oldest item, left where it is.
    pub fn peek(&self) -> Option<&T> {
        self.items.front()
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> vec_deque::Iter<'_, T> {
        self.items.iter()
    }

    /// Items waiting.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The most items that may wait.
    pub const fn len_max(&self) -> usize {
        self.len_max
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the next [`Self::push`] fails.
    pub fn is_full(&self) -> bool {
        self.items.len() >= self.len_max
    }
}

impl<'a, T> IntoIterator for &'a BoundedQueue<T> {
    type Item = &'a T;
    type IntoIter = vec_deque::Iter<'a, T>;

    fn into_iter(self) -> vec_deque::Iter<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::BoundedQueue;

    fn full() -> BoundedQueue<u32> {
        let mut queue = BoundedQueue::new(2);
        assert_eq!((queue.push(1), queue.push(2)), (Ok(()), Ok(())));
        queue
    }

    #[test]
    fn a_full_queue_hands_the_item_back() {
        let mut queue = full();
        assert!(queue.is_full());
        assert_eq!(queue.push(3), Err(3));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(1), Some(2), None));
        assert!(queue.is_empty());
    }

    #[test]
    fn evicting_hands_back_the_oldest() {
        let mut queue = full();
        assert_eq!(queue.push_evicting(3), Some(1));
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!((queue.pop(), queue.push_evicting(4)), (Some(2), None));
    }

    #[test]
    fn a_queue_for_nothing_takes_nothing() {
        let mut queue = BoundedQueue::new(0);
        assert_eq!((queue.push(1), queue.push_evicting(2), queue.pop()), (Err(1), Some(2), None));
    }
}
