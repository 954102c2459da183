//! The shipped trace, for every test that serves it or learns from it.

use std::time::Duration;

use nexus_base::Time;

/// One hour of requests, as in `data/README.md`: Patel et al., *Splitwise*, ISCA 2024,
/// Microsoft Azure; CC-BY-4.0.
const TRACE: &str = include_str!("../../../../data/azure_llm_2023_conv.csv");

/// A request of the trace.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub arrival: Time,
    /// Tokens of the prompt.
    pub context: u32,
    /// Tokens of the answer, known when it is written.
    pub generated: u32,
}

impl Request {
    /// How long a server of speed one works on it: 250 µs a token read, 20 ms a
    /// token written.
    pub fn work(&self) -> Duration {
        Duration::from_micros(u64::from(self.context) * 250 + u64::from(self.generated) * 20_000)
    }
}

/// The whole trace; the first request arrives at zero.
pub fn trace() -> Vec<Request> {
    let mut requests: Vec<Request> = TRACE.lines().skip(1).map(request).collect();
    let first = requests[0].arrival;
    requests.iter_mut().for_each(|r| r.arrival = Time::ZERO.after(r.arrival.since(first)));
    requests
}

/// Of a line as `2023-11-16 18:15:46.6805900,374,44`; the day is always the same.
fn request(line: &str) -> Request {
    let [stamp, context, generated] = line.split(',').collect::<Vec<_>>()[..] else {
        panic!("not a line of the trace: {line}");
    };
    let number = |text: &str| text.parse::<u64>().expect("digits");
    let minutes = number(&stamp[11..13]) * 60 + number(&stamp[14..16]);
    let seconds = minutes * 60 + number(&stamp[17..19]);
    let arrival = Time::from_nanos(seconds * 1_000_000_000 + number(&stamp[20..27]) * 100);
    Request { arrival, context: number(context) as u32, generated: number(generated) as u32 }
}
