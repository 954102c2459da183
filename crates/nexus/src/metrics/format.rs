//! The two forms of the metrics text, and which of them a scraper gets.
//!
//! OpenMetrics gives a counter's family a name without `_total`, the older
//! Prometheus text wants it with `_total`: no text is both, and tools that read
//! the older form, `promtool check metrics` among them, find counters without
//! help in the newer one. So whoever asks for OpenMetrics gets it, as Prometheus
//! does, and everybody else gets the older form.

use std::collections::BTreeSet;

/// A form of the metrics text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0, which [`crate::Node::metrics`] writes.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Prometheus,
}

impl Format {
    /// The form to answer a request with that header `Accept`.
    pub(crate) fn accepted(accept: Option<&str>) -> Format {
        let asked = |entry: &str| {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let unwanted = |part: &str| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            name.eq_ignore_ascii_case("application/openmetrics-text") && !parts.any(unwanted)
        };
        if accept.is_some_and(|accept| accept.split(',').any(asked)) {
            Format::OpenMetrics
        } else {
            Format::Prometheus
        }
    }

    /// The header `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// OpenMetrics text in this form.
    pub(crate) fn of(self, open_metrics: String) -> String {
        match self {
            Format::OpenMetrics => open_metrics,
            Format::Prometheus => prometheus(&open_metrics),
        }
    }
}

/// OpenMetrics text of counters, gauges and histograms without exemplars, which
/// is all that we write, in the older form.
fn prometheus(open_metrics: &str) -> String {
    let counter = |line| str::strip_prefix(line, "# TYPE ")?.strip_suffix(" counter");
    let counters: BTreeSet<&str> = open_metrics.lines().filter_map(counter).collect();
    let mut text = String::with_capacity(open_metrics.len() + counters.len() * 16);
    for line in open_metrics.lines() {
        let described = ["# HELP ", "# TYPE "].iter().find(|start| line.starts_with(**start));
        if let Some(start) = described {
            let rest = &line[start.len()..];
            let (name, more) = rest.split_once(' ').unwrap_or((rest, ""));
            let total = if counters.contains(name) { "_total" } else { "" };
            text.extend([*start, name, total, " ", more, "\n"]);
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_names_counters_in_full() {
        let open_metrics = "\
# HELP a_b Counts.
# TYPE a_b counter
a_b_total{kind=\"# TYPE x counter\"} 1
# HELP a_c Weighs
# TYPE a_c gauge
a_c 2
# HELP a_d_seconds
# TYPE a_d_seconds histogram
# UNIT a_d_seconds seconds
a_d_seconds_count 3
# EOF
";
        let prometheus = "\
# HELP a_b_total Counts.
# TYPE a_b_total counter
a_b_total{kind=\"# TYPE x counter\"} 1
# HELP a_c Weighs
# TYPE a_c gauge
a_c 2
# HELP a_d_seconds \n# TYPE a_d_seconds histogram
a_d_seconds_count 3
";
        assert_eq!(Format::Prometheus.of(open_metrics.to_owned()), prometheus);
        assert_eq!(Format::OpenMetrics.of(open_metrics.to_owned()), open_metrics);
    }

    #[test]
    fn who_asks_for_open_metrics_gets_it() {
        let check = |accept| Format::accepted(Some(accept));
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;q=0.5,\
                            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert_eq!(check(prometheus_3), Format::OpenMetrics);
        assert_eq!(check("text/plain, Application/OpenMetrics-Text"), Format::OpenMetrics);
        assert_eq!(check("application/openmetrics-text; version=0.0.1"), Format::OpenMetrics);
        assert_eq!(Format::accepted(None), Format::Prometheus);
        for other in ["", "*/*", "text/plain", "application/openmetrics-text;q=0, */*", ";,;", "ä"]
        {
            assert_eq!(check(other), Format::Prometheus, "{other:?}");
        }
    }

    #[test]
    fn a_nodes_figures_have_help_and_type_in_the_older_form() {
        let node = crate::NodeSpec::new().workers(1).start().expect("one worker starts");
        node.spawn::<crate::Kv>("a").expect("the key is free");
        let text = Format::Prometheus.of(node.metrics());
        let described = |start: &'static str| {
            let lines = text.lines().filter_map(move |line| line.strip_prefix(start));
            lines.map(|line| line.split_once(' ').expect("a name and more")).collect::<Vec<_>>()
        };
        let types = described("# TYPE ");
        assert!(described("# HELP ").iter().all(|(_, help)| !help.is_empty()));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().expect("a line begins with a name");
            let histogram = name.rsplit_once('_').map_or(name, |(family, _)| family);
            let typed = types.iter().any(|(family, kind)| match *kind {
                "histogram" => *family == histogram,
                "counter" => *family == name && name.ends_with("_total"),
                _ => *family == name,
            });
            assert!(typed, "{line}");
        }
    }
}
