//! Makes a trace small, for a recording that is kept to be compared.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ixgbe::info::RegisterInfo;
use ixgbe::trace::{Entry, Line, RegisterAccess, Trace};

use super::compare::{AWAITED, FREE_VALUES, is_doorbell, is_reset, is_step};

/// The number of lines within which the elements of an array are gathered.
const LOOP: usize = 12;

/// Returns `trace` without what says nothing new. Its [`Summary`](super::Summary) stays the same, but it can no longer be
/// replayed.
///
/// A reset, the first doorbell and the last one begin a new part. In each part, of equal accesses the first one stays,
/// and the last write of each register. Loops over several arrays become one line for each array. At the end, `omit`
/// counts what was left out.
#[must_use]
pub fn fold(trace: &Trace) -> Trace {
    let entries = flatten(trace);
    let doorbells: Vec<usize> =
        entries.iter().enumerate().filter(|(_, entry)| is(entry, is_doorbell)).map(|(at, _)| at).collect();
    let (first, last) = (doorbells.first().copied(), doorbells.last().copied());
    let mut folded = Folded::default();
    let mut part = Vec::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let begins = is(&entry, is_reset) || Some(at) == first;
        if begins {
            folded.part(std::mem::take(&mut part));
        }
        part.push(entry);
        if begins || Some(at) == last {
            folded.part(std::mem::take(&mut part));
        }
    }
    folded.part(part);
    folded.flush_wait();
    let omitted = folded.omitted.into_values().map(|(info, times)| Entry::Omitted(info, times));
    let entries = folded.entries.into_iter().chain(omitted);
    Trace { port: trace.port, lines: entries.map(|entry| Line { number: 0, entry }).collect() }
}

/// Returns the entries, each with at most one access. Of repeated ones all but one count as omitted.
fn flatten(trace: &Trace) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in &trace.lines {
        match &line.entry {
            Entry::Times(access, times @ 2..) => match access.register() {
                Some((info, _)) => entries.extend([Entry::Times(*access, 1), Entry::Omitted(info, times - 1)]),
                None => entries.push(line.entry.clone()),
            },
            Entry::Elements(..) => entries.extend(line.entry.accesses().map(|access| Entry::Times(access, 1))),
            other => entries.push(other.clone()),
        }
    }
    entries
}

fn is(entry: &Entry, what: impl Fn(RegisterAccess) -> bool) -> bool {
    matches!(entry, Entry::Times(access, _) if what(*access))
}

#[derive(Default)]
struct Folded {
    entries: Vec<Entry>,
    omitted: BTreeMap<&'static str, (&'static RegisterInfo, u32)>,
    waited: Duration,
}

/// Returns what makes two accesses equal. Of registers without values to compare, only whether it is 0; of reads that
/// show no step, only the register.
fn key(access: RegisterAccess) -> (bool, u32, u64) {
    match access.register() {
        Some((info, _)) if FREE_VALUES.contains(&info.name) => {
            (access.write, access.offset, u64::from(access.value != 0))
        }
        Some((info, _)) if !access.write && !is_step(info) => {
            (false, info.ranges.first().map_or(0, |range| range.base), 0)
        }
        _ => (access.write, access.offset, access.value),
    }
}

impl Folded {
    fn part(&mut self, entries: Vec<Entry>) {
        // The first of each key; the last read of each that can be a step; and the last write of each register, or of each
        // key if its values are not compared.
        let (mut firsts, mut lasts) = (HashMap::new(), HashMap::new());
        for (at, entry) in entries.iter().enumerate() {
            if let Entry::Times(access, _) = entry {
                if access.register().is_some_and(|(info, _)| info.name == AWAITED) {
                    lasts.insert((access.write, access.offset, Some(at as u64)), at);
                    continue;
                }
                let key = key(*access);
                firsts.entry(key).or_insert(at);
                let is = |what: &dyn Fn(&RegisterInfo) -> bool| access.register().is_some_and(|(info, _)| what(info));
                if access.write {
                    let free = is(&|info| FREE_VALUES.contains(&info.name));
                    lasts.insert((true, access.offset, free.then_some(key.2)), at);
                }
                if is(&is_step) {
                    lasts.insert((access.write, access.offset, Some(key.2)), at);
                }
            }
        }
        let mut kept = vec![false; entries.len()];
        firsts.values().chain(lasts.values()).for_each(|at| kept[*at] = true);
        for (entry, kept) in entries.into_iter().zip(kept) {
            match entry {
                Entry::Times(access, _) if kept && access.register().is_some() => self.keep(access),
                Entry::Omitted(info, times) => self.omit(info, times),
                Entry::Wait(time) => self.waited += time,
                other => {
                    let named = other.accesses().next().and_then(|access| access.register());
                    if let Some((info, _)) = named {
                        self.omit(info, 1);
                    } else {
                        // What has no name is not left out.
                        self.flush_wait();
                        self.entries.push(other);
                    }
                }
            }
        }
        self.flush_wait();
    }

    fn omit(&mut self, info: &'static RegisterInfo, times: u32) {
        let (_, omitted) = self.omitted.entry(info.name).or_insert((info, 0));
        *omitted = omitted.saturating_add(times);
    }

    fn flush_wait(&mut self) {
        if !self.waited.is_zero() {
            // A file has no longer ones.
            let wait = std::mem::take(&mut self.waited).min(Duration::from_secs(3600));
            self.entries.push(Entry::Wait(wait));
        }
    }

    fn keep(&mut self, access: RegisterAccess) {
        let from = self.entries.len().saturating_sub(LOOP);
        if self.waited.is_zero()
            && let Some((info, index)) = access.register()
        {
            for entry in self.entries[from..].iter_mut().rev() {
                let (first, last) = match entry {
                    Entry::Times(first, 1) => match first.register() {
                        Some((_, at)) => (*first, at),
                        None => continue,
                    },
                    Entry::Elements(first, last) => (*first, *last),
                    Entry::Times(..) => continue,
                    _ => break,
                };
                let alike = (first.write, first.value) == (access.write, access.value);
                let same = first.register().is_some_and(|(of, _)| of.name == info.name);
                if alike && same && last + 1 == index {
                    *entry = Entry::Elements(first, index);
                    return;
                }
                // What is done to a register in between stays in between.
                if same && index <= last {
                    break;
                }
            }
        }
        self.flush_wait();
        self.entries.push(Entry::Times(access, 1));
    }
}
