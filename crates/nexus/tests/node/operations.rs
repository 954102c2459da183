//! Instrumented operations leave an event, a metric and a span.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use nexus::{EventName, Node, OPERATIONS_MAX, Operations};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{Woken, lock, start, test};

/// Notes spans as they are entered, and events.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(format!("span {}", span.metadata().name()));
        span.record(&mut text);
        lock(&self.0).push(text.0);
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(format!("event {}", event.metadata().level()));
        event.record(&mut text);
        lock(&self.0).push(text.0);
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {
        lock(&self.0).push("enter".to_owned());
    }

    fn exit(&self, _span: &Id) {}
}

/// Runs `operations` and returns what tracing saw of it.
fn traced(operations: impl FnOnce()) -> Vec<String> {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), operations);
    std::mem::take(&mut lock(&listener.0))
}

fn events(node: &Node, name: EventName) -> Vec<String> {
    let events = node.events().into_iter().filter(|event| event.name == name);
    events.map(|event| event.detail).collect()
}

#[test]
fn success_and_failure_are_told_apart() {
    test(|| {
        let node = start(1);
        let seen = traced(|| {
            let load = node.operations().instrument("load", async { Ok::<u32, String>(7) });
            assert_eq!(node.block_on(load), Ok(7));
            let full = async { Err::<u32, String>("disk full".to_owned()) };
            let full = node.operations().instrument("load", full);
            assert_eq!(node.block_on(full), Err("disk full".to_owned()));
        });
        let counts = &node.operations().counts()["load"];
        assert_eq!((counts.completed.count, counts.failed.count), (1, 1));
        assert!(counts.completed.total < Duration::from_secs(1));
        let completed = events(&node, EventName::OperationCompleted);
        assert!(completed[0].starts_with("load took "), "{completed:?}");
        let failed = events(&node, EventName::OperationFailed);
        assert!(failed[0].ends_with(": disk full"), "{failed:?}");
        assert_eq!(seen.iter().filter(|line| *line == r#"span operation name="load""#).count(), 2);
        assert!(seen.contains(&"enter".to_owned()));
        let warned = seen.iter().any(|line| {
            line.starts_with("event WARN message=operation.failed") && line.contains("disk full")
        });
        assert!(warned, "{seen:?}");
        let metrics = node.metrics();
        for result in ["completed", "failed"] {
            let count = format!(
                "nexus_operation_duration_seconds_count{{operation=\"load\",result=\"{result}\"}} 1\n"
            );
            assert!(metrics.contains(&count), "{metrics}");
        }
    });
}

#[test]
fn an_operation_that_is_dropped_or_panics_has_failed() {
    test(|| {
        let node = start(1);
        let operations: Operations = node.operations().clone();
        let pending = std::future::pending::<Result<(), String>>();
        let mut dropped = Box::pin(operations.instrument("wait", pending));
        assert!(Arc::new(Woken::default()).poll(&mut dropped).is_pending());
        drop(dropped);
        let task = async move {
            let broken = async { panic!("broken") };
            operations.instrument::<(), String>("wait", broken).await
        };
        assert!(node.block_on(node.task(task).expect("it is running")).is_err());
        assert_eq!(node.operations().counts()["wait"].failed.count, 2);
        let failed = events(&node, EventName::OperationFailed);
        assert!(
            failed.iter().all(|detail| detail.ends_with("dropped before it ended")),
            "{failed:?}"
        );
    });
}

#[test]
fn an_operation_that_never_began_is_nothing() {
    test(|| {
        let node = start(1);
        drop(node.operations().instrument("lazy", async { Ok::<(), String>(()) }));
        assert!(node.operations().counts().is_empty());
    });
}

static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    (0..OPERATIONS_MAX + 10).map(|number| format!("operation-{number}")).collect()
});

#[test]
fn names_are_bounded() {
    test(|| {
        let node = start(1);
        for name in &*NAMES {
            let done = node.operations().instrument(name, async { Ok::<(), String>(()) });
            node.block_on(done).expect("it succeeds");
        }
        let counts = node.operations().counts();
        assert_eq!(counts.len(), OPERATIONS_MAX + 1);
        assert_eq!(counts["other"].completed.count, 10);
    });
}
