//! The metrics text: it parses, and its books balance.

use std::collections::BTreeMap;

use nexus::{AskError, BreakerConfig, Node};

use crate::support::{
    Echo, Note, Opener, Panic, Probe, assert_balanced, err, eventually, held, ms, note, probe,
    probes, relay, start, test,
};

type Labels = BTreeMap<String, String>;

/// The text as a scraper reads it: families with their type, and samples.
#[derive(Debug, Default)]
struct Scraped {
    families: BTreeMap<String, String>,
    samples: Vec<(String, Labels, f64)>,
}

/// Reads OpenMetrics text, strictly: whatever is not understood is a failure.
fn scrape(node: &Node) -> Scraped {
    let text = node.metrics();
    let body = text.strip_suffix("# EOF\n").expect("it ends with its end mark");
    let mut scraped = Scraped::default();
    for line in body.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').expect("a name and a type");
            let known = scraped.families.insert(name.to_owned(), kind.to_owned());
            assert_eq!(known, None, "{name} is described once");
        } else if !line.starts_with("# HELP ") && !line.starts_with("# UNIT ") {
            scraped.samples.push(sample(line));
        }
    }
    for (name, ..) in &scraped.samples {
        let family = |family: &String| name.starts_with(family.as_str());
        assert!(scraped.families.keys().any(family), "{name} belongs to a family");
        assert!(name.starts_with("nexus_"), "{name}");
    }
    scraped
}

/// Reads `name{label="value",…} 12`.
fn sample(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').expect("a series and a value");
    let value = value.parse().unwrap_or_else(|_| panic!("{line} ends with a number"));
    let Some((name, labels)) = series.split_once('{') else {
        return (series.to_owned(), Labels::new(), value);
    };
    let labels = labels.strip_suffix('}').expect("labels end");
    let pairs = labels.split("\",").map(|pair| pair.split_once("=\"").expect("a name and a value"));
    let labels =
        pairs.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()));
    (name.to_owned(), labels.collect(), value)
}

impl Scraped {
    /// The one sample of that name and those labels.
    #[track_caller]
    fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matches = |of: &Labels| {
            labels.iter().all(|(name, value)| of.get(*name).is_some_and(|of| of == value))
        };
        let mut found = self.samples.iter().filter(|(of, labels, _)| of == name && matches(labels));
        let (_, _, value) = found.next().unwrap_or_else(|| panic!("no {name} {labels:?}"));
        assert!(found.next().is_none(), "{name} {labels:?} is there once");
        *value
    }

    /// Whether accepted = handled + dropped + dead + waiting, for every kind.
    fn assert_balanced(&self) {
        let names = self.samples.iter().filter(|(name, ..)| name == "nexus_mailbox_messages");
        let kinds: Vec<&String> = names.map(|(_, labels, _)| &labels["kind"]).collect();
        assert!(!kinds.is_empty());
        for kind in kinds {
            let of =
                |result| self.get("nexus_messages_total", &[("kind", kind), ("result", result)]);
            let waiting = self.get("nexus_mailbox_messages", &[("kind", kind)]);
            let left = of("handled") + of("dropped") + of("dead") + waiting;
            assert_eq!(of("accepted"), left, "the books of {kind}");
        }
    }

    fn errors(&self, code: &str) -> f64 {
        self.get("nexus_errors_total", &[("code", code)])
    }
}

#[test]
fn the_books_balance_in_every_scrape() {
    test(|| {
        let node = start(2);
        probes(&node);
        let probes: Vec<_> = (0..4).map(|number| probe(&node, &number.to_string())).collect();
        std::thread::scope(|scope| {
            let teller = scope.spawn(|| {
                for number in 0..20_000 {
                    drop(probes[number % 4].try_tell(note("x")));
                    if number % 5_000 == 4_999 {
                        probes[number / 5_000].stop();
                    }
                }
            });
            while !teller.is_finished() {
                scrape(&node).assert_balanced();
            }
        });
        assert_balanced(&node, "probe");
        let scraped = scrape(&node);
        scraped.assert_balanced();
        let labels = |result| [("kind", "probe"), ("result", result)];
        let of = |result| scraped.get("nexus_messages_total", &labels(result));
        assert_eq!(of("accepted") + of("refused"), 20_000.0);
        assert_eq!(scraped.get("nexus_mailbox_messages", &[("kind", "probe")]), 0.0);
        let running = [("kind", "probe"), ("state", "running")];
        assert_eq!(scraped.get("nexus_agents", &running), 0.0);
    });
}

#[test]
fn every_error_is_counted_by_its_code() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let p = probe(&node, "p");
        let errors = || {
            let scraped = scrape(&node);
            let codes = [
                "bad_request",
                "too_large",
                "unknown_agent",
                "unknown_kind",
                "conflict",
                "cycle",
                "mailbox_full",
                "deadline",
                "crashed",
                "stopped",
                "shutting_down",
            ];
            codes.map(|code| scraped.errors(code) as u64)
        };
        assert_eq!(errors(), [0; 11]);
        let by_name = |key, message| {
            err(node.block_on(node.system().ask_by_name("probe", key, message, Vec::new())))
        };
        by_name("p", "Fly");
        by_name("p", "Echo");
        err(node.spawn::<Probe>(""));
        err(node.spawn::<Probe>(&"k".repeat(10_000)));
        by_name("nobody", "Echo");
        err(node.spawn::<Probe>("p"));
        err(node.block_on(p.ask(Panic("oops".to_owned()))));
        err(node.block_on(p.ask(Echo(1)).within(ms(0))));
        assert_eq!(node.block_on(p.ask(relay(&["p"]))), Ok(false));
        assert_eq!(errors(), [3, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0]);
        let full = held(&node, &shared, "full");
        let _opener = Opener(shared.clone());
        while full.try_tell(note("x")).is_ok() {}
        assert_eq!(node.block_on(full.ask(Echo(1))), Err(AskError::MailboxFull { len_max: 1_024 }));
        assert_eq!(errors()[6], 2);
        node.system().begin_shutdown();
        err(node.spawn::<Probe>("q"));
        assert!(p.try_tell(Note(String::new())).is_err());
        err(node.block_on(p.ask(Echo(1))));
        assert_eq!(errors()[10], 3);
    });
}

#[test]
fn agents_restarts_and_threads_are_shown() {
    test(|| {
        let node = start(3);
        probes(&node);
        let p = probe(&node, "p");
        probe(&node, "q").stop();
        err(node.block_on(p.ask(Panic("oops".to_owned()))));
        eventually("one is left and made afresh", || {
            (node.counts()["probe"].agents(), node.counts()["probe"].restarted) == (1, 1)
        });
        let scraped = scrape(&node);
        let kind = [("kind", "probe")];
        let get = |name| scraped.get(name, &kind);
        assert_eq!(scraped.get("nexus_agents", &[("kind", "probe"), ("state", "running")]), 1.0);
        assert_eq!(get("nexus_agents_started_total"), 2.0);
        assert_eq!(get("nexus_restarts_total"), 1.0);
        assert_eq!(get("nexus_crashes_total"), 1.0);
        assert_eq!(scraped.get("nexus_workers", &[]), 3.0);
        assert_eq!(scraped.get("nexus_alarms", &[]), 0.0);
        assert_eq!(scraped.families["nexus_messages"], "counter");
        assert_eq!(scraped.families["nexus_agents"], "gauge");
        assert_eq!(scraped.families["nexus_operation_duration_seconds"], "histogram");
    });
}

#[test]
fn durations_fill_their_buckets() {
    test(|| {
        let node = start(1);
        for _ in 0..5 {
            let done = node.operations().instrument("quick", async { Ok::<(), String>(()) });
            node.block_on(done).expect("it succeeds");
        }
        let scraped = scrape(&node);
        let of = |bound| {
            let labels = [("operation", "quick"), ("result", "completed"), ("le", bound)];
            scraped.get("nexus_operation_duration_seconds_bucket", &labels)
        };
        assert_eq!((of("+Inf"), of("30.0")), (5.0, 5.0));
        assert!(of("0.000001") <= of("0.001") && of("0.001") <= of("1.0"));
        let labels = [("operation", "quick"), ("result", "completed")];
        assert_eq!(scraped.get("nexus_operation_duration_seconds_count", &labels), 5.0);
        assert!(scraped.get("nexus_operation_duration_seconds_sum", &labels) < 1.0);
    });
}

#[test]
fn breakers_are_shown_by_name() {
    test(|| {
        let node = start(1);
        let config = BreakerConfig { failures_max: 2, ..BreakerConfig::default() };
        let breaker = node.breaker("pay\"ments", config);
        for _ in 0..3 {
            let call = breaker.call(async { Err::<(), _>("down") });
            assert!(node.block_on(call).is_err());
        }
        let scraped = scrape(&node);
        let name = ("breaker", "pay\\\"ments");
        let state = |state| scraped.get("nexus_breaker_state", &[name, ("state", state)]);
        assert_eq!((state("closed"), state("open"), state("half_open")), (0.0, 1.0, 0.0));
        let calls = |result| scraped.get("nexus_breaker_calls_total", &[name, ("result", result)]);
        assert_eq!((calls("completed"), calls("failed"), calls("refused")), (0.0, 2.0, 1.0));
    });
}
