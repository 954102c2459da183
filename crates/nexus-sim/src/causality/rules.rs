//! What clocks must keep, rule by rule; the first that is broken is told.

use super::cycle;
use super::log::{Event, Log};
use crate::Verdict;

/// The events of each host in the order of their own entries, which are 1, 2, 3
/// and so on.
pub(super) struct Hosts<'a> {
    pub(super) log: &'a Log,
    /// By host: indices of events.
    orders: Vec<Vec<u32>>,
}

/// Checks all rules.
pub(super) fn check(log: &Log) -> Verdict {
    let told = Hosts::new(log).and_then(|hosts| {
        hosts.check_known()?;
        match cycle::find(&hosts) {
            Some(cycle) => Err(hosts.tell_cycle(&cycle)),
            None => hosts.check_growth(),
        }
    });
    match told {
        Ok(()) => Verdict::Ok,
        Err(reason) => Verdict::Violated(reason),
    }
}

impl<'a> Hosts<'a> {
    /// # Errors
    /// The first own entry that does not grow by 1.
    fn new(log: &'a Log) -> Result<Hosts<'a>, String> {
        let mut orders = vec![Vec::new(); log.host_count()];
        for (index, event) in log.events.iter().enumerate() {
            orders[event.host as usize].push(index as u32);
        }
        let own = |index: u32| {
            let event = &log.events[index as usize];
            log.entry(event, event.host)
        };
        for order in &mut orders {
            order.sort_by_key(|&index| own(index));
            let mut before: Option<u32> = None;
            for (&index, expected) in order.iter().zip(1..) {
                let (event, found) = (&log.events[index as usize], own(index));
                if found != expected {
                    return Err(own_wrong(log, event, found, before));
                }
                before = Some(index);
            }
        }
        Ok(Hosts { log, orders })
    }

    /// The event of `host` with this own entry.
    pub(super) fn event(&self, host: u32, own: u64) -> Option<u32> {
        let at = usize::try_from(own.checked_sub(1)?).ok()?;
        self.orders[host as usize].get(at).copied()
    }

    /// # Errors
    /// The first event that knows of one that is not there.
    fn check_known(&self) -> Result<(), String> {
        for event in &self.log.events {
            for &(host, count) in self.log.clock(event) {
                let logged = self.orders[host as usize].len() as u64;
                if count > logged {
                    let logged =
                        if logged == 0 { "none".to_owned() } else { format!("only {logged}") };
                    return Err(format!(
                        "{}: it knows of event {count} of host {}, which logged {logged}",
                        self.name(event),
                        self.log.host(host)
                    ));
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// The first event that knows less than one before it.
    fn check_growth(&self) -> Result<(), String> {
        for event in &self.log.events {
            let own = self.log.entry(event, event.host);
            let before = self.event(event.host, own - 1);
            if let Some(before) = before {
                self.check_knows(event, before, "the event of its host before it")?;
            }
            for &(host, count) in self.log.clock(event) {
                // What is not new was known by the event before, and seen there.
                let known = before.map_or(0, |before| self.entry(before, host));
                if let Some(other) = self.event(host, count)
                    && host != event.host
                    && count != known
                {
                    self.check_knows(event, other, "one that it knows of")?;
                }
            }
        }
        Ok(())
    }

    fn check_knows(&self, event: &Event, other: u32, what: &str) -> Result<(), String> {
        let other = &self.log.events[other as usize];
        let mut knows = self.log.clock(event).iter().peekable();
        for &(host, count) in self.log.clock(other) {
            while knows.next_if(|entry| entry.0 < host).is_some() {}
            let known = knows.peek().filter(|entry| entry.0 == host).map_or(0, |entry| entry.1);
            if known < count {
                return Err(format!(
                    "{}: it knows of {known} events of host {}, but {what}, {}, of {count}",
                    self.name(event),
                    self.log.host(host),
                    self.name(other)
                ));
            }
        }
        Ok(())
    }

    fn entry(&self, index: u32, host: u32) -> u64 {
        self.log.entry(&self.log.events[index as usize], host)
    }

    fn name(&self, event: &Event) -> String {
        let own = self.log.entry(event, event.host);
        format!("host {}, event {own} (line {})", self.log.host(event.host), event.line)
    }

    /// A cycle, each event after one that it knows of.
    fn tell_cycle(&self, cycle: &[u32]) -> String {
        let name = |&index: &u32| self.name(&self.log.events[index as usize]);
        let first = cycle.first().expect("a cycle has an event");
        let others: Vec<String> = cycle.iter().skip(1).take(CYCLE_SHOWN_MAX).map(name).collect();
        let more = match cycle.len().saturating_sub(1 + CYCLE_SHOWN_MAX) {
            0 => String::new(),
            more => format!(", then {more} more"),
        };
        format!(
            "{}: it happened before itself: it knows of {}{more}, which knows of the first",
            name(first),
            others.join(", which knows of ")
        )
    }
}

/// Events of a cycle that are told of after the first. A guess at what is read.
const CYCLE_SHOWN_MAX: usize = 4;

fn own_wrong(log: &Log, event: &Event, found: u64, before: Option<u32>) -> String {
    let host = log.host(event.host);
    let line = event.line;
    match before.map(|index| &log.events[index as usize]) {
        None => format!(
            "host {host}, its first event (line {line}): its own entry is {found} where 1 was \
             expected"
        ),
        Some(before) => {
            let own = log.entry(before, event.host);
            format!(
                "host {host}, event {} (line {line}): its own entry is {found} where {} was \
                 expected, one more than that of the event before it (line {})",
                own + 1,
                own + 1,
                before.line
            )
        }
    }
}
