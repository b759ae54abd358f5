//! Packets that a device has, for drivers of devices that return them by number, in any order.
//!
//! Each packet is posted with an id, below the number of descriptors, and the device returns that id when it is done. Most
//! devices keep the order. So ids and packets lie in the order of posting, and those that come back in that order move in
//! blocks: to a batch, or with one copy to their pool. One that comes back before its turn changes places with the one
//! whose turn it is.

mod buffers;
mod packets;

use alloc::boxed::Box;
use core::ops::Range;

pub use buffers::PostedBuffers;
pub use packets::PostedPackets;

/// The ids, in a circle: from `first` on the `count` that are in use, and then those that are free.
///
/// Free ids and ids in use are all ids, so nothing moves when an id comes back at the front: the circle turns.
#[derive(Debug)]
struct Order {
    ids: Box<[u16]>,
    /// The place of each id: `ids[places[id]]` is `id`.
    places: Box<[u16]>,
    first: usize,
    count: usize,
    /// Each id is at the place of the same number, so that nobody has to read it there.
    is_sorted: bool,
}

/// The ids at places that follow each other.
trait Ids: Copy {
    /// Returns an id by its number from 0 on.
    ///
    /// # Safety
    ///
    /// There are that many places.
    unsafe fn id(self, number: usize) -> usize;
}

/// The ids from the place on, if ids [are sorted](Order::is_sorted).
#[derive(Clone, Copy)]
struct Sorted(usize);

impl Ids for Sorted {
    #[inline(always)]
    unsafe fn id(self, number: usize) -> usize {
        self.0 + number
    }
}

impl Ids for &[u16] {
    #[inline(always)]
    unsafe fn id(self, number: usize) -> usize {
        // SAFETY: the caller's promise.
        unsafe { *self.get_unchecked(number) }.into()
    }
}

impl Order {
    /// Makes the order of `size` ids, which are all free.
    fn new(size: u16) -> Self {
        Self { ids: (0..size).collect(), places: (0..size).collect(), first: 0, count: 0, is_sorted: true }
    }

    /// Returns the ids at `places`, which follow in one piece.
    #[inline(always)]
    fn ids(&self, places: Range<usize>) -> &[u16] {
        self.ids.get(places).unwrap_or_default()
    }

    /// Returns `place`, below twice the number of ids, as a place.
    #[inline(always)]
    fn wrap(&self, place: usize) -> usize {
        if place >= self.ids.len() { place - self.ids.len() } else { place }
    }

    /// Returns the number of free ids.
    #[inline(always)]
    fn free(&self) -> usize {
        self.ids.len() - self.count
    }

    /// Returns the first places with ids that are in use, as far as they follow in one piece.
    #[inline(always)]
    fn in_use(&self) -> Range<usize> {
        self.first..self.first + self.count.min(self.ids.len() - self.first)
    }

    /// Returns the first places with ids that are free, as far as they follow in one piece.
    #[inline(always)]
    fn vacant(&self) -> Range<usize> {
        let first = self.wrap(self.first + self.count);
        first..first + self.free().min(self.ids.len() - first)
    }

    /// Counts the first `count` [vacant](Self::vacant) ids as in use.
    #[inline(always)]
    fn grow(&mut self, count: usize) {
        self.count += count.min(self.free());
    }

    /// Counts the first `count` ids [in use](Self::in_use) as free.
    #[inline(always)]
    fn shrink(&mut self, count: usize) {
        let count = count.min(self.count);
        (self.first, self.count) = (self.wrap(self.first + count), self.count - count);
        if self.count == 0 && !self.is_sorted {
            self.sort();
        }
    }

    /// Sorts the ids, which are all free.
    #[cold]
    fn sort(&mut self) {
        for all in [&mut self.ids, &mut self.places] {
            all.iter_mut().zip(0..).for_each(|(place, number)| *place = number);
        }
        self.is_sorted = true;
    }

    /// Returns the place of `id`, or `None` if the id is not in use.
    #[inline(always)]
    fn place_of(&self, id: u16) -> Option<usize> {
        let (front, place) = (self.first, usize::from(*self.places.get(usize::from(id))?));
        let behind = if place >= front { place - front } else { place + self.ids.len() - front };
        (behind < self.count).then_some(place)
    }

    /// Makes `id` the first that is in use. Returns its place until now, whose id is the one that was the first; or `None`
    /// if the id is not in use.
    #[inline(always)]
    fn bring_to_front(&mut self, id: u16) -> Option<usize> {
        let place = self.place_of(id)?;
        if place != self.first {
            self.swap_with_front(place);
        }
        Some(place)
    }

    /// Has the first id that is in use change places with another.
    #[cold]
    fn swap_with_front(&mut self, place: usize) {
        let front = self.first;
        self.is_sorted = false;
        self.ids.swap(front, place);
        for place in [front, place] {
            if let Some(id) = self.ids.get(place)
                && let Some(at) = self.places.get_mut(usize::from(*id))
            {
                *at = place as u16;
            }
        }
    }
}

/// Calls `each` with the numbers from 0 on, up to `most` of them, until it returns `None`. Returns how often it returned
/// something, and the sum of that.
///
/// When it returns `None`, `each` can be called again with that number and up to 7 before it. What it says then is what
/// counts. So it only looks at things, or writes what nobody else sees.
#[inline(always)]
fn sum_while(most: usize, mut each: impl FnMut(usize) -> Option<u64>) -> (usize, u64) {
    const GROUP: usize = 8;
    let (mut done, mut sum) = (0, 0);
    'groups: while done + GROUP <= most {
        let mut group = sum;
        // The compiler writes this out. Where in the group it ends is not kept, which would cost in each step.
        for at in 0..GROUP {
            let Some(value) = each(done + at) else { break 'groups };
            group += value;
        }
        (done, sum) = (done + GROUP, group);
    }
    while done < most
        && let Some(value) = each(done)
    {
        (done, sum) = (done + 1, sum + value);
    }
    (done, sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Ids come and go in random orders. A list says which are in use.
    #[test]
    fn an_order_has_each_id_once_in_any_order() {
        let mut seed = 1u64;
        let mut random = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for size in [1u16, 2, 7, 8, 64] {
            let (mut order, mut used) = (Order::new(size), Vec::<u16>::new());
            for _ in 0..4000 {
                match random(4) {
                    0 | 1 => {
                        let vacant = order.vacant();
                        let count = random(vacant.len() + 1);
                        used.extend(&order.ids[vacant][..count]);
                        order.grow(count);
                    }
                    2 => {
                        let count = random(order.in_use().len() + 1);
                        for id in &order.ids[order.in_use()][..count] {
                            let at = used.iter().position(|used| used == id).expect("it is in use");
                            used.swap_remove(at);
                        }
                        order.shrink(count);
                    }
                    _ => {
                        let id = random(usize::from(size) + 2) as u16;
                        let at = used.iter().position(|used| *used == id);
                        assert_eq!(order.bring_to_front(id).is_some(), at.is_some());
                        if let Some(at) = at {
                            assert_eq!(order.ids[order.first], id);
                            used.swap_remove(at);
                            order.shrink(1);
                        }
                    }
                }
                assert_eq!((order.count, order.free()), (used.len(), usize::from(size) - used.len()));
                assert!(!order.is_sorted || (0..size).all(|id| order.ids[usize::from(id)] == id));
                assert!((0..size).all(|id| order.ids[usize::from(order.places[usize::from(id)])] == id));
            }
        }
    }

    #[test]
    fn a_sum_ends_with_the_first_that_is_none() {
        for most in 0..20 {
            for limit in 0..25 {
                let counted = sum_while(most, |number| {
                    assert!(number <= limit && number < most);
                    (number < limit).then_some(number as u64)
                });
                let count = most.min(limit);
                assert_eq!(counted, (count, (0..count as u64).sum()));
            }
        }
    }
}
