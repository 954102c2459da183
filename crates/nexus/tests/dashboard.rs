//! The Grafana dashboard asks for nothing that a node does not tell.

use std::collections::{BTreeMap, BTreeSet};

use nexus::{BreakerConfig, Kv, Node, NodeSpec, Request};
use serde_json::{Value, json};

const DASHBOARD: &str = include_str!("../../../deploy/grafana/nexus.json");

/// What `/metrics` says of HTTP, beside the figures of the node: names, labels, whether it is a
/// histogram.
const HTTP: &[(&str, &[&str], bool)] = &[
    ("nexus_http_requests_total", &["code"], false),
    ("nexus_http_request_duration_seconds", &["kind"], true),
    ("nexus_http_connections", &[], false),
    ("nexus_http_refused_total", &["reason"], false),
    ("nexus_trace_spans_total", &["result"], false),
];

/// Labels that Prometheus adds.
const ADDED: &[&str] = &["instance", "job"];

/// Names of series, each with its labels.
type Series = BTreeMap<String, BTreeSet<String>>;

/// A node on which every family has a sample.
fn busy_node() -> Node {
    let node = NodeSpec::new().workers(1).start().expect("one worker starts");
    let kv = node.spawn::<Kv>("a").expect("the key is free");
    let put = Request::update("put", json!({"key": "x", "value": 1}));
    node.block_on(kv.ask(put)).expect("it answers").expect("it is in order");
    let quick = async { Ok::<(), String>(()) };
    node.block_on(node.operations().instrument("quick", quick)).expect("it succeeds");
    node.breaker("payments", BreakerConfig::default());
    node
}

/// The series of a text, by name.
fn series(text: &str) -> Series {
    let mut series = Series::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (of, _) = line.rsplit_once(' ').expect("a series and a value");
        let (name, labels) = of.split_once('{').unwrap_or((of, ""));
        series.entry(name.to_owned()).or_default().extend(label_names(labels));
    }
    series
}

fn http_series() -> Series {
    let mut series = Series::new();
    for (name, labels, histogram) in HTTP {
        let labels: BTreeSet<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if *histogram {
            let mut with_bound = labels.clone();
            with_bound.insert("le".to_owned());
            series.insert(format!("{name}_bucket"), with_bound);
            series.insert(format!("{name}_count"), labels.clone());
            series.insert(format!("{name}_sum"), labels);
        } else {
            series.insert((*name).to_owned(), labels);
        }
    }
    series
}

/// The names before each `="`, `=~"`, `!="` and `!~"`.
fn label_names(labels: &str) -> impl Iterator<Item = String> {
    let outside = labels.split('"').step_by(2);
    let name = |text: &str| {
        let name = text.trim_end_matches(['=', '~', '!']).trim_start_matches([',', ' ', '}']);
        name.chars().all(|c| c.is_ascii_lowercase() || c == '_').then(|| name.to_owned())
    };
    outside.filter_map(name).filter(|name| !name.is_empty()).collect::<Vec<_>>().into_iter()
}

/// The queries of panels and variables, wherever they stand.
fn queries(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == "expr" || name == "definition" => {
                        found.push(text.to_owned());
                    }
                    _ => queries(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

/// The series that a query names, with the labels it chooses by.
fn named(query: &str) -> Vec<(&str, Vec<String>)> {
    let starts = query.match_indices("nexus_").map(|(at, _)| &query[at..]);
    let one = |text| {
        let end = str::find(text, |c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        let chosen = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        (name, chosen.map_or(Vec::new(), |(labels, _)| label_names(labels).collect()))
    };
    starts.map(one).collect()
}

/// The labels a query sums by.
fn grouped(query: &str) -> Vec<&str> {
    let groups = query.split("by (").skip(1).filter_map(|rest| rest.split_once(')'));
    groups.flat_map(|(labels, _)| labels.split(',').map(str::trim)).collect()
}

#[test]
fn every_name_on_the_dashboard_is_one_that_a_node_tells() {
    let mut known = series(&busy_node().metrics());
    known.extend(http_series());
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let mut asked = Vec::new();
    queries(&dashboard, &mut asked);
    assert!(asked.len() > 20, "the dashboard asks for something");
    for query in &asked {
        let names = named(query);
        assert!(!names.is_empty(), "{query}");
        for (name, chosen) in names {
            let labels = known.get(name).unwrap_or_else(|| panic!("no {name}: {query}"));
            let has = |label: &str| labels.contains(label) || ADDED.contains(&label);
            let wanted = chosen.iter().map(String::as_str).chain(grouped(query));
            for label in wanted {
                assert!(has(label), "{name} has no label {label}: {query}");
            }
        }
    }
}

#[test]
fn everything_that_a_node_tells_is_on_the_dashboard() {
    let mut known = series(&busy_node().metrics());
    known.extend(http_series());
    let parts = ["_bucket", "_count", "_sum"];
    let family = |name: &str| {
        parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
    };
    for name in known.keys().map(|name| family(name)) {
        assert!(DASHBOARD.contains(&name), "{name} is on no panel");
    }
}

#[test]
fn panels_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("there are panels");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "{} has an id of its own", panel["title"]);
        let side = |name| panel["gridPos"][name].as_u64().expect("a number");
        let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
        assert!(x + w <= 24, "{} fits into the grid", panel["title"]);
        for column in x..x + w {
            for row in y..y + h {
                assert!(taken.insert((column, row)), "{} has its own place", panel["title"]);
            }
        }
    }
}
