//! Looking for an event that happened before itself.

use super::rules::Hosts;

/// What is known of an event while looking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    /// On the way from where the walk began.
    OnPath,
    /// No cycle goes through it.
    Clear,
}

/// Events of which each knows of the next, and the last of the first.
///
/// Walks depth first from each event to those it knows of, without recursion:
/// a log may be a million events deep.
pub(super) fn find(hosts: &Hosts<'_>) -> Option<Vec<u32>> {
    let mut marks = vec![Mark::New; hosts.log.events.len()];
    for start in 0..marks.len() {
        if marks[start] == Mark::New
            && let Some(cycle) = walk(hosts, start as u32, &mut marks)
        {
            return Some(cycle);
        }
    }
    None
}

fn walk(hosts: &Hosts<'_>, start: u32, marks: &mut [Mark]) -> Option<Vec<u32>> {
    // An event and how many of its clock's entries were followed.
    let mut path = vec![(start, 0)];
    marks[start as usize] = Mark::OnPath;
    while let Some((index, followed)) = path.last_mut() {
        let event = &hosts.log.events[*index as usize];
        let Some(&(host, count)) = hosts.log.clock(event).get(*followed) else {
            marks[*index as usize] = Mark::Clear;
            path.pop();
            continue;
        };
        *followed += 1;
        // Of its own events it knows those before it.
        let count = if host == event.host { count - 1 } else { count };
        let Some(next) = hosts.event(host, count) else { continue };
        match marks[next as usize] {
            Mark::Clear => {}
            Mark::New => {
                marks[next as usize] = Mark::OnPath;
                path.push((next, 0));
            }
            Mark::OnPath => {
                let from = path.iter().position(|(index, _)| *index == next);
                let from = from.expect("what is marked so is on the path");
                return Some(path[from..].iter().map(|(index, _)| *index).collect());
            }
        }
    }
    None
}
