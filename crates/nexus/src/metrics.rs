//! What a node tells about itself, in the text format that Prometheus reads.
//!
//! The figures are those the runtime keeps anyway, read when somebody asks: a
//! node that nobody watches pays nothing. Every label takes few values, since
//! kinds, operations, breakers and error codes are all bounded where they are made.
//!
//! Absent on purpose: rates (whoever reads two texts has them).

mod format;

use std::collections::BTreeMap;
use std::fmt;

use nexus_agent::{BreakerState, Counts, ErrorCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

use crate::circuit_breaker::BreakerReport;
use crate::operation::{BUCKETS_S, Durations, OperationCounts};
use crate::process::Process;
use crate::serve::{BOUNDS_S, HttpFigures};

pub(crate) use format::Format;

/// One reading of a node's figures.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) kinds: BTreeMap<&'static str, Counts>,
    pub(crate) errors: Vec<(ErrorCode, u64)>,
    pub(crate) operations: BTreeMap<&'static str, OperationCounts>,
    pub(crate) breakers: Vec<BreakerReport>,
    pub(crate) alarms: usize,
    pub(crate) dead_letters: usize,
    pub(crate) workers: usize,
    pub(crate) blocking_threads: usize,
    pub(crate) http: Option<HttpFigures>,
    pub(crate) process: Process,
}

/// The reading as text, every name beginning with `nexus_`.
pub(crate) fn text(reading: Reading) -> String {
    let mut registry = Registry::with_prefix("nexus");
    registry.register_collector(Box::new(reading));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing into a string does not fail");
    text
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_kinds(&mut encoder)?;
        self.encode_node(&mut encoder)?;
        self.encode_operations(&mut encoder)?;
        self.encode_process(&mut encoder)?;
        if let Some(http) = &self.http {
            encode_http(http, &mut encoder)?;
        }
        self.encode_breakers(&mut encoder)
    }
}

impl Reading {
    fn encode_kinds(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let messages = self.kinds.iter().flat_map(|(kind, counts)| {
            let results = [
                ("accepted", counts.accepted),
                ("handled", counts.handled),
                ("dropped", counts.dropped),
                ("dead", counts.dead),
                ("refused", counts.refused),
            ];
            results.map(|(result, count)| ([("kind", *kind), ("result", result)], count))
        });
        let help = "Messages by what became of them; accepted = handled + dropped + dead + waiting";
        counters(to, "messages", help, messages)?;
        let per_kind = |value: fn(&Counts) -> u64| {
            self.kinds.iter().map(move |(kind, counts)| ([("kind", *kind)], value(counts)))
        };
        gauges(to, "mailbox_messages", "Messages that wait", per_kind(Counts::queued))?;
        let running = self
            .kinds
            .iter()
            .map(|(kind, counts)| ([("kind", *kind), ("state", "running")], counts.agents()));
        gauges(to, "agents", "Agents by state", running)?;
        let in_place = per_kind(|counts| counts.in_place);
        counters(to, "asks_in_place", "Asks answered on the asker's stack", in_place)?;
        counters(to, "agents_started", "Agents made", per_kind(|counts| counts.spawned))?;
        counters(to, "restarts", "Agents restarted", per_kind(|counts| counts.restarted))?;
        counters(to, "crashes", "Panics in agents", per_kind(|counts| counts.crashed))
    }

    fn encode_node(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let told = |code: ErrorCode| {
            self.http
                .as_ref()
                .and_then(|http| http.errors.get(code as usize))
                .map_or(0, |told| *told)
        };
        let errors = self.errors.iter();
        let errors = errors.map(|(code, count)| ([("code", code.as_str())], count + told(*code)));
        counters(to, "errors", "Errors handed to askers, tellers, spawners and clients", errors)?;
        let alarms = self.alarms as u64;
        gauge(to, "alarms", "Timers and deadlines that have not rung", alarms)?;
        gauge(to, "dead_letters", "Dead letters kept for looking at", self.dead_letters as u64)?;
        gauge(to, "workers", "Threads that run agents", self.workers as u64)?;
        let blocking = self.blocking_threads as u64;
        gauge(to, "blocking_threads", "Threads for agents that block", blocking)
    }

    fn encode_operations(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "How long instrumented operations took";
        let kind = MetricType::Histogram;
        let unit = Some(&Unit::Seconds);
        let mut metric = to.encode_descriptor("operation_duration", help, unit, kind)?;
        for (operation, counts) in &self.operations {
            for (result, durations) in
                [("completed", &counts.completed), ("failed", &counts.failed)]
            {
                let labels = [("operation", *operation), ("result", result)];
                encode_durations(metric.encode_family(&labels)?, durations)?;
            }
        }
        Ok(())
    }

    fn encode_process(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(bytes) = self.process.resident_bytes {
            gauge(
                to,
                "resident_memory_bytes",
                "Memory of the process that is really there",
                bytes,
            )?;
        }
        let Some(cpu) = self.process.cpu else { return Ok(()) };
        let help = "CPU time of the process, user's and system's";
        let counter = ConstCounter::new(cpu.as_secs_f64());
        let kind = counter.metric_type();
        counter.encode(to.encode_descriptor("cpu_seconds", help, None, kind)?)
    }

    fn encode_breakers(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let states = self.breakers.iter().flat_map(|breaker| {
            let states = [
                ("closed", BreakerState::Closed),
                ("open", BreakerState::Open),
                ("half_open", BreakerState::HalfOpen),
            ];
            states.map(|(name, state)| {
                let labels = [("breaker", breaker.name.as_str()), ("state", name)];
                (labels, u64::from(breaker.state == state))
            })
        });
        gauges(to, "breaker_state", "1 for the state a circuit breaker is in", states)?;
        let calls = self.breakers.iter().flat_map(|breaker| {
            let results = [
                ("completed", breaker.completed),
                ("failed", breaker.failed),
                ("refused", breaker.refused),
            ];
            results.map(|(result, count)| {
                ([("breaker", breaker.name.as_str()), ("result", result)], count)
            })
        });
        counters(to, "breaker_calls", "Calls through a circuit breaker", calls)
    }
}

fn encode_http(http: &HttpFigures, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let statuses = http.statuses.iter();
    let statuses = statuses.map(|(status, count)| ([("code", status.to_string())], *count));
    counters(to, "http_requests", "Answers by status", statuses)?;
    let refused = http.refused.iter().map(|(reason, count)| ([("reason", *reason)], *count));
    counters(to, "http_refused", "Requests and connections turned away at the door", refused)?;
    let spans = http.spans.iter().map(|(result, count)| ([("result", *result)], *count));
    counters(to, "trace_spans", "Spans of traces by what became of them", spans)?;
    gauge(to, "http_connections", "Connections that are open", http.connections)?;
    let help = "Connections passed from one worker to another";
    let moved = ConstCounter::new(http.moved);
    let kind = moved.metric_type();
    moved.encode(to.encode_descriptor("http_connections_moved", help, None, kind)?)?;
    let help = "How long requests to agents took, from the whole body to the answer";
    let unit = Some(&Unit::Seconds);
    let mut metric =
        to.encode_descriptor("http_request_duration", help, unit, MetricType::Histogram)?;
    for (kind, figures) in &http.kinds {
        let bounds = BOUNDS_S.into_iter().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(figures.counts).collect();
        let sum = figures.total.as_secs_f64();
        let labels = [("kind", *kind)];
        let mut metric = metric.encode_family(&labels)?;
        metric.encode_histogram::<NoLabelSet>(sum, figures.durations.count(), &buckets, None)?;
    }
    Ok(())
}

fn counters<L: EncodeLabelSet>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (L, u64)>,
) -> fmt::Result {
    family(to, name, help, samples, ConstCounter::<u64>::TYPE, ConstCounter::new)
}

fn gauges<L: EncodeLabelSet>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (L, u64)>,
) -> fmt::Result {
    family(to, name, help, samples, ConstGauge::<u64>::TYPE, ConstGauge::new)
}

fn family<L: EncodeLabelSet, M: EncodeMetric>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (L, u64)>,
    kind: MetricType,
    make: fn(u64) -> M,
) -> fmt::Result {
    let mut metric = to.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in samples {
        make(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(to.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn encode_durations(mut metric: MetricEncoder<'_>, durations: &Durations) -> fmt::Result {
    let bounds = BUCKETS_S.into_iter().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(durations.buckets).collect();
    let sum = durations.total.as_secs_f64();
    metric.encode_histogram::<NoLabelSet>(sum, durations.count, &buckets, None)
}
