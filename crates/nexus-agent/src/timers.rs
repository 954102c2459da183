//! Timers: what is due when, exact to the nanosecond.
//!
//! One structure serves the worker threads, where most timers are deadlines
//! cancelled long before they fire, and the simulator, where every event is a
//! timer and none may fire out of order. A wheel of coarse ticks would do for
//! the first and be wrong for the second; a heap is exact but pays a walk
//! through cold memory for each of a million pending timers.
//!
//! The wheel here is exact because it turns by digits rather than by ticks. A
//! deadline is eleven digits of six bits. A timer lies at the level of the
//! highest digit in which its deadline differs from the cursor, in the slot
//! that digit names; so every level holds only what is later than the levels
//! below it, and level zero holds single nanoseconds. When the cursor enters a
//! slot, its timers move to lower levels, ten times at most in a timer's life.
//!
//! Where a timer lies follows from its deadline and the cursor alone. Hence
//! equal deadlines always share one list, in the order they were inserted, and
//! a cancelled timer is found without storing its place.
//!
//! Absent on purpose: clocks, callbacks, threads.
//!
//! # Source
//! Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987; Ahuja,
//! Mehlhorn, Orlin and Tarjan, "Faster Algorithms for the Shortest Path
//! Problem", 1990 (the radix heap, whose monotone cursor this borrows).

use std::collections::BTreeMap;
use std::fmt;

use nexus_base::Time;

/// Bits in a digit: a level's occupied slots then fit one machine word.
const DIGIT_BITS: u32 = 6;
const SLOTS_PER_LEVEL: usize = 1 << DIGIT_BITS;
const LEVEL_COUNT: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// No entry: the end of a list.
const NIL: u32 = u32::MAX;

/// Timers pending at once in one wheel; inserting one more panics.
///
/// The limit of a 32-bit index, at about a hundred gigabytes of timers.
pub const TIMERS_MAX: usize = NIL as usize;

/// Names a pending timer, for [`TimerWheel::cancel`].
///
/// A key outlives its timer harmlessly: it names no other until its place has
/// been reused 2³² times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

impl TimerKey {
    /// The key in one word, to be kept in an atomic or a record.
    pub const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The key that [`TimerKey::as_u64`] packed. Any number is safe; one that
    /// no wheel gave names nothing.
    pub const fn from_u64(bits: u64) -> TimerKey {
        TimerKey { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Items waiting for their time, handed out in order of deadline and, among
/// equal deadlines, of insertion.
///
/// Inserting, cancelling and popping take constant time (amortised) however
/// many timers wait. A timer takes at most 40 bytes beside its item (which is
/// taken to need no alignment beyond eight bytes), twice that
/// while the wheel grows; an empty wheel takes 18 KiB. Memory is kept for reuse
/// when timers are gone.
pub struct TimerWheel<T> {
    /// No later than any deadline in `slots`; never moves back.
    cursor: u64,
    /// One bit per level that holds anything.
    levels: u16,
    /// One bit per slot that holds anything.
    occupied: [u64; LEVEL_COUNT],
    slots: Box<[List]>,
    /// Deadlines already behind the cursor when they were inserted. Rare, so
    /// an ordered map will do.
    past: BTreeMap<u64, List>,
    entries: Entries<T>,
}

impl<T> TimerWheel<T> {
    /// An empty wheel, fastest for deadlines at or after `now`.
    pub fn new(now: Time) -> TimerWheel<T> {
        TimerWheel {
            cursor: now.as_nanos(),
            levels: 0,
            occupied: [0; LEVEL_COUNT],
            slots: vec![List::EMPTY; LEVEL_COUNT * SLOTS_PER_LEVEL].into_boxed_slice(),
            past: BTreeMap::new(),
            entries: Entries::new(),
        }
    }

    /// Timers pending.
    pub fn len(&self) -> usize {
        self.entries.len
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.entries.len == 0
    }

    /// Keeps `item` until `at`. A deadline already past is due at the next pop.
    ///
    /// # Panics
    /// If [`TIMERS_MAX`] timers are pending.
    #[inline]
    pub fn insert(&mut self, at: Time, item: T) -> TimerKey {
        let key = self.entries.insert(at.as_nanos(), item);
        self.link(key.index);
        key
    }

    /// Takes a timer back; `None` if it has fired or was cancelled before.
    #[inline]
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        if !self.entries.is_pending(key) {
            return None;
        }
        self.unlink(key.index);
        Some(self.entries.remove(key.index).1)
    }

    /// The earliest deadline, to the nanosecond.
    ///
    /// Constant time, but for one case: after the earliest of many timers in
    /// one slot was cancelled, and these were not inserted in the order of
    /// their deadlines, the slot is searched once.
    #[inline]
    pub fn next_timeout(&mut self) -> Option<Time> {
        if let Some((&deadline, _)) = self.past.first_key_value() {
            return Some(Time::from_nanos(deadline));
        }
        let first = self.first_slot()?;
        Some(Time::from_nanos(self.earliest_in(first)))
    }

    /// Takes out the earliest timer, if its deadline is `now` or before.
    ///
    /// Call until it returns `None`; timers inserted meanwhile keep the order.
    #[inline]
    pub fn pop_due(&mut self, now: Time) -> Option<(Time, T)> {
        if !self.past.is_empty() {
            return self.pop_past(now.as_nanos());
        }
        let first = self.first_due(now.as_nanos())?;
        let index = self.slots[first.index()].head;
        self.unlink_from(first, index);
        let (deadline, item) = self.entries.remove(index);
        self.cursor = deadline;
        Some((Time::from_nanos(deadline), item))
    }

    /// Everything in `past` is before everything in the slots.
    #[cold]
    fn pop_past(&mut self, now: u64) -> Option<(Time, T)> {
        let (&deadline, list) = self.past.first_key_value()?;
        if deadline > now {
            return None;
        }
        let index = list.head;
        self.unlink_past(index);
        let (deadline, item) = self.entries.remove(index);
        Some((Time::from_nanos(deadline), item))
    }

    /// The first slot, narrowed until its head is the earliest timer and due.
    #[inline]
    fn first_due(&mut self, now: u64) -> Option<Slot> {
        loop {
            let first = self.first_slot()?;
            if self.start_of(first) > now {
                // No slot begins between the cursor and now, so nothing moves.
                // Following the time keeps slots narrow for what comes next.
                self.cursor = self.cursor.max(now);
                return None;
            }
            let list = self.slots[first.index()];
            let deadline = self.earliest_in(first);
            if first.level == 0 || (list.head == list.tail && deadline <= now) {
                return Some(first);
            }
            self.turn(first, deadline.min(now));
        }
    }

    /// Moves the cursor into the first slot, whose timers go to lower levels.
    fn turn(&mut self, first: Slot, cursor: u64) {
        self.cursor = cursor;
        let mut index = self.slots[first.index()].head;
        self.slots[first.index()] = List::EMPTY;
        self.mark_empty(first);
        while index != NIL {
            let next = self.entries.slab[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    #[inline]
    fn link(&mut self, index: u32) {
        let deadline = self.entries.slab[index as usize].deadline;
        if deadline < self.cursor {
            return self.link_past(index, deadline);
        }
        let slot = self.slot_of(deadline);
        self.entries.append(&mut self.slots[slot.index()], index);
        self.levels |= 1 << slot.level;
        self.occupied[slot.level] |= 1 << slot.digit;
    }

    #[cold]
    fn link_past(&mut self, index: u32, deadline: u64) {
        self.entries.append(self.past.entry(deadline).or_insert(List::EMPTY), index);
    }

    #[inline]
    fn unlink(&mut self, index: u32) {
        let deadline = self.entries.slab[index as usize].deadline;
        if deadline < self.cursor {
            return self.unlink_past(index);
        }
        self.unlink_from(self.slot_of(deadline), index);
    }

    #[inline]
    fn unlink_from(&mut self, slot: Slot, index: u32) {
        self.entries.unlink(&mut self.slots[slot.index()], index);
        if self.slots[slot.index()].head == NIL {
            self.mark_empty(slot);
        }
    }

    #[cold]
    fn unlink_past(&mut self, index: u32) {
        let deadline = self.entries.slab[index as usize].deadline;
        let list = self.past.get_mut(&deadline).expect("a past timer is in the list it was put in");
        self.entries.unlink(list, index);
        if list.head == NIL {
            self.past.remove(&deadline);
        }
    }

    #[inline]
    fn mark_empty(&mut self, slot: Slot) {
        self.occupied[slot.level] &= !(1 << slot.digit);
        if self.occupied[slot.level] == 0 {
            self.levels &= !(1 << slot.level);
        }
    }

    /// Where a deadline not before the cursor lies.
    #[inline]
    fn slot_of(&self, deadline: u64) -> Slot {
        let level = (deadline ^ self.cursor).checked_ilog2().unwrap_or(0) / DIGIT_BITS;
        let digit = (deadline >> (level * DIGIT_BITS)) as usize % SLOTS_PER_LEVEL;
        Slot { level: level as usize, digit }
    }

    /// The slot that holds the earliest timer.
    #[inline]
    fn first_slot(&self) -> Option<Slot> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(Slot { level, digit: self.occupied[level].trailing_zeros() as usize })
    }

    /// The earliest deadline a slot could hold.
    #[inline]
    fn start_of(&self, slot: Slot) -> u64 {
        let shift = slot.level as u32 * DIGIT_BITS;
        let above = (self.cursor >> shift) & !(SLOTS_PER_LEVEL as u64 - 1);
        (above | slot.digit as u64) << shift
    }

    #[inline]
    fn earliest_in(&mut self, slot: Slot) -> u64 {
        self.entries.earliest(&mut self.slots[slot.index()])
    }
}

impl<T> fmt::Debug for TimerWheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerWheel").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
struct Slot {
    level: usize,
    digit: usize,
}

impl Slot {
    #[inline]
    fn index(self) -> usize {
        self.level * SLOTS_PER_LEVEL + self.digit
    }
}

/// The timers of one slot, doubly linked in the order they were inserted.
#[derive(Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
    earliest: Earliest,
}

impl List {
    const EMPTY: List = List { head: NIL, tail: NIL, earliest: Earliest::Head };
}

/// What is known of the earliest deadline in a list.
#[derive(Clone, Copy)]
enum Earliest {
    /// Deadlines ascend, as they do when all timers have the same delay.
    Head,
    At(u64),
    /// It was cancelled.
    Unknown,
}

struct Entry<T> {
    deadline: u64,
    /// In a free entry, the next free one.
    next: u32,
    prev: u32,
    /// Counts the timers this entry has held.
    generation: u32,
    /// `None` in a free entry.
    item: Option<T>,
}

/// Every timer, pending or free for reuse.
struct Entries<T> {
    slab: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

impl<T> Entries<T> {
    const fn new() -> Entries<T> {
        Entries { slab: Vec::new(), free: NIL, len: 0 }
    }

    #[inline]
    fn insert(&mut self, deadline: u64, item: T) -> TimerKey {
        self.len += 1;
        if self.free == NIL {
            return self.grow(deadline, item);
        }
        let index = self.free;
        let entry = &mut self.slab[index as usize];
        self.free = entry.next;
        entry.deadline = deadline;
        entry.item = Some(item);
        TimerKey { index, generation: entry.generation }
    }

    fn grow(&mut self, deadline: u64, item: T) -> TimerKey {
        assert!(self.slab.len() < TIMERS_MAX, "a wheel holds at most {TIMERS_MAX} timers");
        let index = self.slab.len() as u32;
        let entry = Entry { deadline, next: NIL, prev: NIL, generation: 0, item: Some(item) };
        self.slab.push(entry);
        TimerKey { index, generation: 0 }
    }

    #[inline]
    fn remove(&mut self, index: u32) -> (u64, T) {
        let entry = &mut self.slab[index as usize];
        let item = entry.item.take().expect("a linked entry holds an item");
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = self.free;
        self.free = index;
        self.len -= 1;
        (entry.deadline, item)
    }

    #[inline]
    fn is_pending(&self, key: TimerKey) -> bool {
        self.slab
            .get(key.index as usize)
            .is_some_and(|entry| entry.generation == key.generation && entry.item.is_some())
    }

    #[inline]
    fn append(&mut self, list: &mut List, index: u32) {
        let entry = &mut self.slab[index as usize];
        let deadline = entry.deadline;
        entry.next = NIL;
        entry.prev = list.tail;
        if list.head == NIL {
            *list = List { head: index, tail: index, earliest: Earliest::Head };
            return;
        }
        let tail = &mut self.slab[list.tail as usize];
        tail.next = index;
        list.tail = index;
        match list.earliest {
            Earliest::Head if deadline < tail.deadline => {
                let head = self.slab[list.head as usize].deadline;
                list.earliest = Earliest::At(head.min(deadline));
            }
            Earliest::At(earliest) => list.earliest = Earliest::At(earliest.min(deadline)),
            Earliest::Head | Earliest::Unknown => {}
        }
    }

    #[inline]
    fn unlink(&mut self, list: &mut List, index: u32) {
        let &Entry { deadline, next, prev, .. } = &self.slab[index as usize];
        match prev {
            NIL => list.head = next,
            prev => self.slab[prev as usize].next = next,
        }
        match next {
            NIL => list.tail = prev,
            next => self.slab[next as usize].prev = prev,
        }
        if matches!(list.earliest, Earliest::At(earliest) if earliest == deadline) {
            list.earliest = Earliest::Unknown;
        }
    }

    /// The earliest deadline in a list that is not empty.
    #[inline]
    fn earliest(&self, list: &mut List) -> u64 {
        match list.earliest {
            Earliest::Head => self.slab[list.head as usize].deadline,
            Earliest::At(earliest) => earliest,
            Earliest::Unknown => self.search(list),
        }
    }

    #[cold]
    fn search(&self, list: &mut List) -> u64 {
        let mut earliest = u64::MAX;
        let mut index = list.head;
        while index != NIL {
            let entry = &self.slab[index as usize];
            earliest = earliest.min(entry.deadline);
            index = entry.next;
        }
        list.earliest = Earliest::At(earliest);
        earliest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nexus_base::Time;
    use proptest::prelude::*;

    use super::{TimerKey, TimerWheel};

    #[derive(Clone, Debug)]
    enum Step {
        Insert {
            at: u64,
        },
        /// A delay counted from the furthest time seen.
        InsertAfter {
            delay: u64,
        },
        /// The key given out `back` insertions ago, live or stale.
        Cancel {
            back: usize,
        },
        Pop {
            ahead: u64,
        },
        /// A caller whose time is behind that of the last one.
        PopBehind {
            behind: u64,
        },
        PopNext,
        PopAll {
            ahead: u64,
        },
    }

    fn delays() -> impl Strategy<Value = u64> {
        prop_oneof![
            4 => 0..8u64,
            4 => 0..5_000u64,
            4 => 0..100_000_000_000u64,
            1 => Just(30_000_000_000u64),
            1 => any::<u64>(),
        ]
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => delays().prop_map(|delay| Step::InsertAfter { delay }),
            2 => prop_oneof![delays(), (0..3u64).prop_map(|less| u64::MAX - less)]
                .prop_map(|at| Step::Insert { at }),
            3 => (0..40usize).prop_map(|back| Step::Cancel { back }),
            2 => delays().prop_map(|ahead| Step::Pop { ahead }),
            1 => delays().prop_map(|behind| Step::PopBehind { behind }),
            4 => Just(Step::PopNext),
            1 => delays().prop_map(|ahead| Step::PopAll { ahead }),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// The wheel beside the ordered map it must behave like.
    struct Pair {
        now: u64,
        wheel: TimerWheel<u64>,
        model: BTreeSet<(u64, u64)>,
        keys: Vec<(TimerKey, u64)>,
    }

    impl Pair {
        fn insert(&mut self, at: u64) {
            let sequence = self.keys.len() as u64;
            let key = self.wheel.insert(Time::from_nanos(at), sequence);
            assert_eq!(TimerKey::from_u64(key.as_u64()), key);
            self.keys.push((key, at));
            self.model.insert((at, sequence));
        }

        fn cancel(&mut self, back: usize) {
            let Some(sequence) = self.keys.len().checked_sub(back + 1) else { return };
            let (key, at) = self.keys[sequence];
            let pending = self.model.remove(&(at, sequence as u64));
            assert_eq!(self.wheel.cancel(key), pending.then_some(sequence as u64));
        }

        fn pop(&mut self, now: u64) -> bool {
            self.now = self.now.max(now);
            let due = self.model.first().copied().filter(|&(at, _)| at <= now);
            let popped = self.wheel.pop_due(Time::from_nanos(now));
            assert_eq!(popped.map(|(at, sequence)| (at.as_nanos(), sequence)), due);
            due.is_some_and(|first| self.model.remove(&first))
        }

        fn take(&mut self, step: Step) {
            match step {
                Step::Insert { at } => self.insert(at),
                Step::InsertAfter { delay } => self.insert(self.now.saturating_add(delay)),
                Step::Cancel { back } => self.cancel(back),
                Step::Pop { ahead } => {
                    self.pop(self.now.saturating_add(ahead));
                }
                Step::PopBehind { behind } => {
                    self.pop(self.now.saturating_sub(behind));
                }
                Step::PopNext => {
                    let next = self.wheel.next_timeout().map_or(self.now, Time::as_nanos);
                    self.pop(next);
                }
                Step::PopAll { ahead } => {
                    let now = self.now.saturating_add(ahead);
                    while self.pop(now) {}
                }
            }
        }

        fn check(&mut self) {
            let next = self.model.first().map(|&(at, _)| Time::from_nanos(at));
            assert_eq!(self.wheel.next_timeout(), next);
            assert_eq!(self.wheel.len(), self.model.len());
            assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn the_wheel_behaves_like_an_ordered_map(start in delays(), steps in steps(), ask: bool) {
            let wheel = TimerWheel::new(Time::from_nanos(start));
            let mut pair = Pair { now: start, wheel, model: BTreeSet::new(), keys: Vec::new() };
            for step in steps {
                pair.take(step);
                // Asking for the next timeout must not change what follows.
                if ask {
                    pair.check();
                }
            }
            while pair.pop(u64::MAX) {}
            pair.check();
        }
    }

    #[test]
    fn a_stale_key_does_not_cancel_its_successor() {
        let mut wheel = TimerWheel::new(Time::ZERO);
        let stale = wheel.insert(Time::from_nanos(5), "first");
        assert_eq!(wheel.pop_due(Time::from_nanos(5)), Some((Time::from_nanos(5), "first")));
        wheel.insert(Time::from_nanos(9), "second");
        assert_eq!(wheel.cancel(stale), None);
        assert_eq!(wheel.len(), 1);
    }

    #[test]
    fn a_number_no_wheel_gave_names_nothing() {
        let mut wheel = TimerWheel::<u8>::new(Time::ZERO);
        assert_eq!(wheel.cancel(TimerKey::from_u64(u64::MAX)), None);
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<super::Entry<u64>>() <= 40 + size_of::<u64>());
        assert!(size_of::<super::Entry<[u64; 4]>>() <= 40 + size_of::<[u64; 4]>());
    }
}
