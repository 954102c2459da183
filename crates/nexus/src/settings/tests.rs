//! What settings promise: every key can be set from everywhere, every fault is
//! found, with its place and a remedy, and text made from the table is true.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::table::SECTIONS;
use super::*;
use crate::scratch::Scratch;

const NO_ENV: [(String, String); 0] = [];

/// Loads a file called `f` of these bytes, and says what is wrong with it, one
/// problem a line.
fn faults_of(file: impl AsRef<[u8]>, env: &[(&str, &str)]) -> String {
    let scratch = Scratch::new();
    let path = scratch.file("f", file);
    let Err(error) = Settings::load(Some(&path), env.iter().copied()) else {
        return String::new();
    };
    let text = error.to_string().replace(&*path.to_string_lossy(), "f");
    let (head, faults) = text.split_once('\n').expect("there is a problem");
    assert!(head.contains("none was taken"), "{head}");
    faults.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

fn check_file(file: &str, faults: &str) {
    let faults: Vec<&str> = faults.lines().map(str::trim).collect();
    assert_eq!(faults_of(file, &[]), faults.join("\n"), "{file}");
}

fn check_env(name: &str, value: &str, fault: &str) {
    assert_eq!(faults_of("", &[(name, value)]), fault, "{name}={value}");
}

#[test]
fn each_setting_is_the_default_until_it_is_changed() {
    let settings = Settings::load(None, NO_ENV).expect("nothing is wrong with nothing");
    assert_eq!(settings, Settings::default());
    let scratch = Scratch::new();
    let empty = scratch.file("empty", "");
    assert_eq!(Settings::load(Some(&empty), NO_ENV).expect("an empty file is one"), settings);
}

#[test]
fn every_section_of_a_file_is_read() {
    let scratch = Scratch::new();
    let path = scratch.file(
        "nexus.toml",
        r#"
        trace = { otlp = "http://localhost:4318", sample = 0.25, service = "shop" }
        idempotency.window_s = 60
        idempotency.entries_max = 1_000

        [node]
        name = "n1.example.org"
        workers = 0x10
        drain_s = 0.5

        [http]
        listen = "[::1]:0"
        hosts = ["shop.example.org", "10.0.0.7", "::1"]
        connections_max = 100
        header_bytes_max = 2048
        header_timeout_s = 1
        headers_max = 10
        body_bytes_max = 1
        body_timeout_s = 2
        idle_timeout_s = 3
        requests_per_s = 50

        [auth]
        tokens = "tokens"

        [tls]
        cert = "c"
        key = "k"
        client_ca = ""

        [log]
        level = "debug"
        format = "json"

        [levels]
        enable_learning = true
        enable_adaptation = true
        enable_emergence = true

        [locality]
        pin = true
        numa = true
        prewarm = 5
        message_pool = false
        mapped = "large"
        tune_s = 5
        "#,
    );
    let settings = Settings::load(Some(&path), NO_ENV).unwrap_or_else(|error| panic!("{error}"));
    let seconds = Duration::from_secs;
    assert_eq!(settings.node.name, "n1.example.org");
    assert_eq!((settings.node.workers, settings.node.drain), (16, Duration::from_millis(500)));
    let http = &settings.http;
    assert_eq!(http.listen, "[::1]:0".parse().expect("an address"));
    assert_eq!(http.hosts, ["shop.example.org", "10.0.0.7", "::1"]);
    assert_eq!((http.connections_max, http.header_bytes_max, http.headers_max), (100, 2048, 10));
    assert_eq!((http.body_bytes_max, http.requests_per_s), (1, 50));
    assert_eq!(http.header_timeout, seconds(1));
    assert_eq!((http.body_timeout, http.idle_timeout), (seconds(2), seconds(3)));
    assert_eq!(settings.auth.tokens, Some(PathBuf::from("tokens")));
    assert_eq!(settings.tls.cert, Some(PathBuf::from("c")));
    assert_eq!((settings.tls.key, settings.tls.client_ca), (Some(PathBuf::from("k")), None));
    assert_eq!((settings.log.level, settings.log.format), (LevelFilter::DEBUG, LogFormat::Json));
    assert_eq!(settings.trace.otlp, "http://localhost:4318");
    assert_eq!((settings.trace.sample, settings.trace.service.as_str()), (0.25, "shop"));
    assert_eq!(
        (settings.idempotency.window, settings.idempotency.entries_max),
        (seconds(60), 1000)
    );
    let levels = settings.levels;
    assert!(levels.enable_learning && levels.enable_adaptation && levels.enable_emergence);
    let locality = settings.locality;
    assert_eq!((locality.pin, locality.numa, locality.message_pool), (true, true, false));
    assert_eq!((locality.prewarm, locality.tune), (5, seconds(5)));
    assert_eq!(locality.mapped, Some(PathBuf::from("large")));
}

#[test]
fn the_environment_goes_before_the_file() {
    let scratch = Scratch::new();
    let path = scratch.file("nexus.toml", "[http]\nlisten = \"127.0.0.1:1\"\nheaders_max = 9\n");
    let env = [
        ("NEXUS_HTTP_LISTEN", "127.0.0.1:2"),
        ("NEXUS_HTTP_HOSTS", " a.example , b.example,"),
        ("NEXUS_HTTP_BODY_TIMEOUT_S", "2.5"),
        ("NEXUS_LOCALITY_MESSAGE_POOL", "false"),
        ("NEXUS_NODE_WORKERS", "3"),
        ("NEXUS_LOG_LEVEL", "off"),
    ];
    let settings = Settings::load(Some(&path), env).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.http.listen.port(), 2);
    assert_eq!(settings.http.headers_max, 9);
    assert_eq!(settings.http.hosts, ["a.example", "b.example"]);
    assert_eq!(settings.http.body_timeout, Duration::from_millis(2_500));
    assert!(!settings.locality.message_pool);
    assert_eq!((settings.node.workers, settings.log.level), (3, LevelFilter::OFF));
    let none = Settings::load(None, [("NEXUS_HTTP_HOSTS", "")]).expect("a list of nothing");
    assert_eq!(none.http.hosts, [""; 0]);
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [
        "NEXUS_LOG",
        "NEXUS_TEST_DATA",
        "NEXUS_SEED",
        "NEXUS_SEEDS",
        "NEXUS_NIGHTLY",
        "NEXUS_TOKEN",
        "NEXUS_URL",
        "NEXUS_HTTP",
        "NEXUS_",
        "NEXUS__",
        "NEXUS_SIM_SECOND_RUN",
        "nexus_http_listn",
        "HTTP_LISTN",
        "XNEXUS_HTTP_LISTN",
        "NEXUS_Http_LISTN",
        "",
    ];
    for name in others {
        check_env(name, "whatever", "");
    }
}

#[test]
fn a_wrong_name_is_told_with_the_one_that_was_meant() {
    check_file("\n[http]\nlistn = 1", "f:3: [http] has no key \"listn\"; did you mean listen?");
    check_file(
        "[http]\nBody-Bytes-Max = 1",
        "f:2: [http] has no key \"Body-Bytes-Max\"; did you mean body_bytes_max?",
    );
    check_file("[node]\ndrain = 1", "f:2: [node] has no key \"drain\"; did you mean drain_s?");
    check_file(
        "[log]\nlisten = 1",
        "f:2: [log] has no key \"listen\"; did you mean [http] listen?",
    );
    check_file("[log]\nzebra = 1", "f:2: [log] has no key \"zebra\"; valid are level, format");
    check_file("[htpp]\nx = 1", "f:1: there is no section \"htpp\"; did you mean http?");
    check_file(
        "[zebra]",
        "f:1: there is no section \"zebra\"; valid are node, http, auth, tls, log, events, trace, \
         idempotency, levels, locality",
    );
    check_file(
        "listen = 1",
        "f:1: \"listen\" is not a section with settings in it; did you mean [http] listen?",
    );
    check_file(
        "node = 1",
        "f:1: \"node\" is not a section with settings in it; did you mean [node]?",
    );
    check_file(
        "[[node]]",
        "f:1: \"node\" is not a section with settings in it; did you mean [node]?",
    );
    check_file(
        "[http.listen]\nport = 1",
        "f:1: [http] listen is a table; valid is an IP address and a port, as 127.0.0.1:7400 or [::1]:7400",
    );
    check_env(
        "NEXUS_HTTP_LISTN",
        "1",
        "NEXUS_HTTP_LISTN: [http] has no key \"listn\"; did you mean NEXUS_HTTP_LISTEN?",
    );
    check_env(
        "NEXUS_LOG_LISTEN",
        "1",
        "NEXUS_LOG_LISTEN: [log] has no key \"listen\"; did you mean NEXUS_HTTP_LISTEN?",
    );
    check_env("NEXUS_LOG_", "1", "NEXUS_LOG_: [log] has no key \"\"; valid are level, format");
}

/// Name of the setting, a wrong value in a file, how it is told, what is valid.
const WRONG_VALUES: &[(&str, &str, &str, &str)] = &[
    ("node.name", "7", "7", "up to 253 letters"),
    ("node.name", "\"a b\"", "\"a b\"", "up to 253 letters"),
    ("node.name", "\"\\u0000\"", "\"\\0\"", "up to 253 letters"),
    ("node.workers", "1025", "1025", "a whole number from 0 to 1024"),
    ("node.workers", "-1", "-1", "a whole number"),
    ("node.workers", "2.0", "2.0", "a whole number"),
    ("node.workers", "\"2\"", "\"2\"", "a whole number"),
    ("node.workers", "99999999999999999999999", "99999999999999999999999", "a whole number"),
    ("node.workers", "0xfff_ffff", "0xfffffff", "a whole number"),
    ("node.workers", "1979-05-27", "a date or time", "a whole number"),
    ("node.drain_s", "-0.5", "-0.5", "a number of seconds from 0 to 3600"),
    ("node.drain_s", "nan", "nan", "a number of seconds"),
    ("node.drain_s", "inf", "inf", "a number of seconds"),
    ("node.drain_s", "1e400", "1e400", "a number of seconds"),
    ("node.drain_s", "\"10s\"", "\"10s\"", "a number of seconds"),
    ("http.listen", "\"localhost:7400\"", "\"localhost:7400\"", "an IP address and a port"),
    ("http.listen", "\"127.0.0.1\"", "\"127.0.0.1\"", "an IP address and a port"),
    ("http.listen", "\":7400\"", "\":7400\"", "an IP address and a port"),
    ("http.listen", "7400", "7400", "an IP address and a port"),
    ("http.hosts", "\"a.example\"", "\"a.example\"", "a list of up to 64 host names"),
    ("http.hosts", "[\"http://a\"]", "[\"http://a\"]", "a list of up to 64 host names"),
    ("http.hosts", "[1, [2, [3]], {}]", "[1, a list, a table]", "a list of up to 64 host names"),
    ("http.connections_max", "0", "0", "a whole number from 1 to 1000000"),
    ("http.header_timeout_s", "0", "0", "a number of seconds from 0.1 to 3600"),
    ("auth.tokens", "\"a\\u0000b\"", "\"a\\0b\"", "a path of up to 4096 bytes"),
    ("auth.tokens", "false", "false", "a path"),
    ("log.level", "\"warning\"", "\"warning\"", "off, error, warn, info, debug, trace"),
    ("log.format", "\"jsn\"", "\"jsn\"", "text, json; did you mean json?"),
    ("trace.otlp", "\"https://h:4318\"", "\"https://h:4318\"", "http:// with host and port"),
    ("trace.otlp", "\"http://h\"", "\"http://h\"", "http:// with host and port"),
    ("trace.otlp", "\"http://u:p@h:1\"", "\"http://u:p@h:1\"", "http:// with host and port"),
    ("trace.sample", "1.01", "1.01", "a number from 0 to 1"),
    ("trace.sample", "true", "true", "a number from 0 to 1"),
    ("trace.service", "\"\"", "\"\"", "1 to 253 characters"),
    ("levels.enable_adaptation", "1", "1", "true or false"),
    ("locality.pin", "1", "1", "true or false"),
    ("locality.pin", "\"true\"", "\"true\"", "true or false"),
];

#[test]
fn a_wrong_value_is_told_with_what_is_valid() {
    for (name, value, found, valid) in WRONG_VALUES {
        let (section, key) = name.split_once('.').expect("section and key");
        let told = faults_of(format!("\n[{section}]\n\n{key} = {value}\n"), &[]);
        let expected = format!("f:4: [{section}] {key} is {found}; valid is {valid}");
        assert!(told.starts_with(&expected), "{name} = {value}\n{told}\n{expected}");
    }
    let hosts = |count: usize| format!("[http]\nhosts = [{}]", "'a',".repeat(count));
    assert_eq!(faults_of(hosts(64), &[]), "");
    let told = faults_of(hosts(65), &[]);
    assert!(told.starts_with("f:2: [http] hosts is [\"a\", \"a\""), "{told}");
    let long = "x".repeat(5_000);
    let told = faults_of(format!("[auth]\ntokens = \"{long}\""), &[]);
    let expected = format!("f:2: [auth] tokens is \"{}…\"; valid is a path", "x".repeat(60));
    assert!(told.starts_with(&expected), "{told}");
}

#[test]
fn a_wrong_variable_is_told_with_what_is_valid() {
    let whole = "valid is a whole number from 0 to 1024";
    for value in ["", "two", "-1", "1.5", "0x10", "1025", "1_0", "18446744073709551616"] {
        let told = format!("NEXUS_NODE_WORKERS: [node] workers is {value:?}; {whole}");
        check_env("NEXUS_NODE_WORKERS", value, &told);
    }
    for value in ["yes", "1", "TRUE", ""] {
        let told =
            format!("NEXUS_LOCALITY_PIN: [locality] pin is {value:?}; valid is true or false");
        check_env("NEXUS_LOCALITY_PIN", value, &told);
    }
    for value in ["nan", "inf", "1e999", "-0.1", "ten"] {
        let told = format!("[trace] sample is {value:?}; valid is a number from 0 to 1");
        check_env("NEXUS_TRACE_SAMPLE", value, &format!("NEXUS_TRACE_SAMPLE: {told}"));
    }
    check_env(
        "NEXUS_LOG_LEVEL",
        "inof",
        "NEXUS_LOG_LEVEL: [log] level is \"inof\"; valid is off, error, warn, info, debug, trace; \
         did you mean info?",
    );
}

#[test]
fn all_problems_are_told_at_once_by_line_and_then_by_name() {
    let file = "\
        [node]\n\
        wrokers = 1\n\
        name = \"fine\"\n\
        drain_s = \"soon\"\n\
        [nodes]\n\
        [http]\n\
        listen = nowhere\n\
        headers_max = 0\n\
        headers_max = 5\n";
    let env = [("NEXUS_TLS_CRET", "x"), ("NEXUS_LOCALITY_PIN", "maybe"), ("NEXUS_OTHER", "x")];
    let told = faults_of(file, &env);
    let places: Vec<&str> =
        told.lines().map(|line| line.split(": ").next().expect("a place")).collect();
    assert_eq!(
        places,
        ["f:2", "f:4", "f:5", "f:7", "f:8", "f:9", "NEXUS_LOCALITY_PIN", "NEXUS_TLS_CRET"],
        "{told}"
    );
    assert!(told.contains("f:9: this is not TOML: duplicate key"), "{told}");
}

#[test]
fn what_cannot_be_a_file_of_settings_is_told_and_does_no_harm() {
    let huge = format!("# {}", "x".repeat(SETTINGS_BYTES_MAX));
    let deep_list = format!("[http]\nhosts = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_table = format!("[http]\nhosts = {}", "{a=".repeat(100_000));
    let deep_key = format!("[http]\n{}b = 1", "a.".repeat(100_000));
    let long_key = format!("[http]\n{} = 1", "k".repeat(1_000_000));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("huge", huge.into_bytes(), "f: has more than 1048576 bytes"),
        ("binary", vec![0xff, 0xfe, 0, 1, 2], "f:1: this is not UTF-8 text"),
        ("later binary", b"[http]\n\n\xff".to_vec(), "f:3: this is not UTF-8 text"),
        ("NUL", b"[http]\n\0".to_vec(), "f:2: this is not TOML"),
        ("NUL in a string", b"[node]\nname = \"a\0b\"".to_vec(), "f:2: this is not TOML"),
        ("deep list", deep_list.into_bytes(), "f:2: "),
        ("deep table", deep_table.into_bytes(), "f:2: "),
        ("deep key", deep_key.into_bytes(), "f: this is not TOML: recursion limit"),
        ("long key", long_key.into_bytes(), "f:2: [http] has no key \"kkk"),
        (
            "same key",
            b"[node]\nname = \"a\"\nname = \"b\"".to_vec(),
            "f:3: this is not TOML: duplicate key",
        ),
        (
            "same section",
            b"[node]\n[http]\n[node]".to_vec(),
            "f:3: this is not TOML: duplicate key",
        ),
        ("no value", b"[node]\nname =".to_vec(), "f:2: this is not TOML"),
        ("open string", b"[node]\nname = \"a\n".to_vec(), "f:2: this is not TOML"),
        ("open list", b"[http]\nhosts = [\n\"a\",\n".to_vec(), "f:"),
        ("no file of settings", b"root:x:0:0:root:/root:/bin/bash\n".to_vec(), "f:1: "),
    ];
    for (name, bytes, expected) in cases {
        let told = faults_of(bytes, &[]);
        assert!(told.starts_with(expected), "{name}: {}", &told[..told.len().min(500)]);
        assert!(told.lines().all(|line| line.len() < 400), "{name}: a line is too long");
    }
}

#[test]
fn of_very_many_problems_the_first_hundred_are_told() {
    let mut file = String::from("[http]\n");
    for number in 0..50_000 {
        writeln!(file, "k{number} = 1").expect("strings take everything");
    }
    let told = faults_of(&file, &[]);
    assert_eq!(told.lines().count(), 101);
    assert!(told.starts_with("f:2: [http] has no key \"k0\""), "{told}");
    assert!(told.ends_with("and 49900 more"), "{told}");
    let garbage = "= ]\n".repeat(200_000);
    assert!(faults_of(garbage, &[]).ends_with("more"));
}

#[test]
fn a_file_that_is_not_there_is_told_together_with_wrong_variables() {
    let scratch = Scratch::new();
    let env = [("NEXUS_NODE_WORKERS", "many")];
    for path in [scratch.path("none"), scratch.path("")] {
        let error = Settings::load(Some(&path), env).expect_err("there is no such file");
        let places: Vec<&Place> = error.problems().iter().map(|problem| &problem.place).collect();
        let file = Place::File { path, line: None };
        assert_eq!(places, [&file, &Place::Variable { name: "NEXUS_NODE_WORKERS".to_owned() }]);
    }
}

/// Its length, as the system tells it, is 0.
#[cfg(target_os = "linux")]
#[test]
fn a_device_without_end_is_not_read_to_its_end() {
    let error = Settings::load(Some(Path::new("/dev/zero")), NO_ENV).expect_err("that is no file");
    assert!(error.to_string().contains("/dev/zero: has more than 1048576 bytes"), "{error}");
}

#[test]
fn the_mark_some_editors_put_first_is_no_problem() {
    check_file(
        "\u{feff}[node]\r\nworkers = 1\r\nx = 1",
        "f:3: [node] has no key \"x\"; valid are name, workers, drain_s",
    );
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text_are_told_if_they_are_ours() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let load = |name: &[u8], value: &[u8]| {
        let error = Settings::load(None, [(bytes(name), bytes(value))]).err();
        error.map(|error| error.problems()[0].to_string())
    };
    assert_eq!(load(b"OTHER\xff", b"\xff"), None);
    assert_eq!(load(b"NEXUS_TOKEN", b"\xff"), None);
    let told = load(b"NEXUS_NODE_NAME", b"a\xffb").expect("a name is text");
    assert!(told.starts_with("NEXUS_NODE_NAME: [node] name is not UTF-8 text; valid is"), "{told}");
    let told = load(b"NEXUS_NODE_NAM\xff", b"a").expect("there is no such key");
    assert!(told.contains("did you mean NEXUS_NODE_NAME?"), "{told}");
}

#[test]
fn one_setting_can_be_set_by_name() {
    let mut settings = Settings::default();
    settings.set("http.listen", "127.0.0.1:9").expect("an address");
    assert_eq!(settings.http.listen.port(), 9);
    let before = settings.clone();
    for (name, value, told) in [
        ("http.listen", "here", "http.listen: [http] listen is \"here\"; valid is an IP"),
        ("http.listne", "x", "http.listne: [http] has no key \"listne\"; did you mean listen?"),
        ("http", "x", "http: [http] has no key \"\"; valid are listen"),
        ("", "x", ": there is no section \"\"; valid are node"),
    ] {
        let error = settings.set(name, value).expect_err("that is wrong");
        let problem = error.problems()[0].to_string();
        assert!(problem.starts_with(told), "{problem}");
    }
    assert_eq!(settings, before);
}

#[test]
fn the_commented_default_is_the_default_commented_or_not() {
    let text = Settings::commented_default();
    check_file(&text, "");
    let uncommented: String = text
        .lines()
        .map(|line| line.strip_prefix('#').filter(|line| !line.starts_with(' ')).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let scratch = Scratch::new();
    let path = scratch.file("f", &uncommented);
    let settings = Settings::load(Some(&path), NO_ENV).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings, Settings::default());
    for setting in SECTIONS.iter().flat_map(|section| section.settings) {
        let line = format!("\n{} = ", setting.key);
        assert!(uncommented.contains(&line), "{} is missing", setting.key);
    }
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
}

#[test]
fn every_default_keeps_to_its_rule_and_every_name_is_unique() {
    let mut variables = BTreeMap::new();
    for setting in SECTIONS.iter().flat_map(|section| section.settings) {
        let name = format!("{}.{}", setting.section, setting.key);
        // Sections must not hold the `_` at which a variable is split.
        assert!(!setting.section.contains('_'), "{name}");
        assert_eq!(variables.insert(setting.variable(), name.clone()), None, "{name}");
        let text = match setting.value(&Settings::default()) {
            rule::Value::Text(text) => text,
            rule::Value::Whole(number) => number.to_string(),
            rule::Value::Fraction(number) => number.to_string(),
            rule::Value::Switch(on) => on.to_string(),
            rule::Value::List(entries) => entries.join(","),
        };
        let variable = setting.variable();
        let settings = Settings::load(None, [(&variable, &text)]);
        assert_eq!(settings.unwrap_or_else(|error| panic!("{error}")), Settings::default());
    }
}

#[test]
fn configuration_md_tells_what_the_table_tells() {
    const BEGIN: &str = "<!-- settings: begin -->\n";
    const END: &str = "<!-- settings: end -->\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let text = std::fs::read_to_string(path).expect("docs/configuration.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("the tables begin");
    let (tables, after) = rest.split_once(END).expect("the tables end");
    let expected = format!("{}\n", document::markdown());
    if std::env::var_os("NEXUS_WRITE_DOCS").is_some() {
        std::fs::write(path, [before, BEGIN, &expected, END, after].concat())
            .expect("docs/configuration.md can be written");
        return;
    }
    assert!(
        tables == expected,
        "docs/configuration.md is not what crates/nexus/src/settings/table.rs says; write it anew:\n\
         NEXUS_WRITE_DOCS=1 cargo test -p nexus --lib configuration_md"
    );
}

#[test]
fn an_address_others_can_reach_needs_keys() {
    let path = || Some(PathBuf::from("x"));
    for (listen, tls, tokens, open) in [
        ("127.0.0.1:1", false, false, true),
        ("127.9.9.9:1", false, false, true),
        ("[::1]:1", false, false, true),
        ("[::ffff:127.0.0.1]:1", false, false, true),
        ("0.0.0.0:1", false, false, false),
        ("[::]:1", false, false, false),
        ("10.0.0.1:1", true, false, false),
        ("10.0.0.1:1", false, true, false),
        ("[::ffff:10.0.0.1]:1", false, false, false),
        ("10.0.0.1:1", true, true, true),
    ] {
        let mut settings = Settings::default();
        settings.http.listen = listen.parse().expect("an address");
        if tls {
            (settings.tls.cert, settings.tls.key) = (path(), path());
        }
        settings.auth.tokens = path().filter(|_| tokens);
        let told = settings.validate_exposure().err().map(|error| error.to_string());
        assert_eq!(told.is_none(), open, "{listen} {told:?}");
        let told = told.unwrap_or_default();
        assert_eq!(told.contains("nexus certs"), !open && !tls, "{told}");
        assert_eq!(told.contains("nexus token create"), !open && !tokens, "{told}");
    }
}

#[test]
fn half_of_tls_is_none() {
    for (cert, key, client_ca, missing) in [
        (true, false, false, Some("key")),
        (false, true, false, Some("cert")),
        (false, false, true, Some("cert")),
        (true, false, true, Some("key")),
        (true, true, true, None),
        (true, true, false, None),
    ] {
        let path = |given: bool| given.then(|| PathBuf::from("x"));
        let tls = TlsSettings { cert: path(cert), key: path(key), client_ca: path(client_ca) };
        let settings = Settings { tls, ..Settings::default() };
        let found = match settings.validate_exposure() {
            Err(ExposureError::Half { missing, .. }) => Some(missing),
            _ => None,
        };
        assert_eq!(found, missing);
    }
}
