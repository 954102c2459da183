//! What reading a trace promises, line by bad line.

use super::*;

/// Reads `text` and expects these requests, as `arrival_ns context generated`.
#[track_caller]
fn check_good(format: InputFormat, text: impl AsRef<[u8]>, expected: &str) {
    let trace = Trace::read("t", format, text.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    let line = |request: &Request| {
        let arrival = request.arrival.as_nanos();
        format!("{arrival} {} {}", request.context_tokens, request.generated_tokens)
    };
    let found: Vec<String> = trace.requests().iter().map(line).collect();
    assert_eq!(found, expected.lines().map(str::trim).collect::<Vec<_>>());
}

/// Reads `text` and expects this error.
#[track_caller]
fn check_bad(format: InputFormat, text: impl AsRef<[u8]>, expected: &str) {
    let error = Trace::read("t", format, text.as_ref()).expect_err("the trace is bad").to_string();
    let trimmed = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(trimmed(&error), trimmed(expected), "\n{error}");
}

/// Expects exactly one problem, whose line reads so.
#[track_caller]
fn check_problem(format: InputFormat, text: impl AsRef<[u8]>, expected: &str) {
    let error = Trace::read("t", format, text.as_ref()).expect_err("the trace is bad").to_string();
    let mut lines = error.lines().map(str::trim);
    assert_eq!(lines.next(), Some("the trace t has 1 problem; nothing was run"), "\n{error}");
    assert_eq!(lines.next(), Some(expected), "\n{error}");
    assert!(lines.next().is_some_and(|line| line.starts_with("hint: ")), "\n{error}");
}

const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

#[track_caller]
fn check_csv_row(row: &str, expected: &str) {
    check_problem(InputFormat::Csv, format!("{HEADER}{row}"), expected);
}

#[test]
fn the_shipped_trace_is_whole() {
    let trace = Trace::shipped();
    assert_eq!(trace.requests().len(), 19_366);
    assert_eq!(trace.span(), Duration::from_nanos(3_501_721_937_000));
    let first = &trace.requests()[0];
    assert_eq!((first.context_tokens, first.generated_tokens), (374, 44));
    let generated: u64 = trace.requests().iter().map(|r| u64::from(r.generated_tokens)).sum();
    assert_eq!(generated, 4_088_665);
}

#[test]
fn times_count_from_the_first_request() {
    check_good(
        InputFormat::Csv,
        format!("{HEADER}2023-11-16 23:59:59.9,374,44\n2023-11-17 00:00:00.0000001,0,10000000\n"),
        "0 374 44
         100000100 0 10000000",
    );
    check_good(
        InputFormat::Jsonl,
        "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [1]}
         {\"output_length\":1,\"timestamp\":27482.000001,\"input_length\":2}",
        "0 6955 52
         1 2 1",
    );
}

#[test]
fn line_ends_marks_quotes_and_other_columns_do_not_matter() {
    check_good(
        InputFormat::Csv,
        "\u{feff}id,GeneratedTokens, TIMESTAMP ,\"ContextTokens\",note\r\n\
         7,44,2023-11-16 18:15:46,374,\"a, \"\"b\"\"\"\r\n\
         8,\"1\",2023-11-16 18:15:46,2,\r\n\r\n",
        "0 374 44
         0 2 1",
    );
}

#[test]
fn every_bad_cell_is_named() {
    let time = "2023-11-16 18:15:46";
    let expected = "expected a whole number from 0 to 10000000";
    let cases = [
        ("-5", format!("t:2: GeneratedTokens \"-5\" is negative; {expected}")),
        ("10000001", format!("t:2: GeneratedTokens \"10000001\" is too large; {expected}")),
        ("1e5", format!("t:2: GeneratedTokens \"1e5\" is not a number of this form; {expected}")),
        ("1.5", format!("t:2: GeneratedTokens \"1.5\" is not a number of this form; {expected}")),
        ("NaN", format!("t:2: GeneratedTokens \"NaN\" is not a number of this form; {expected}")),
        ("", format!("t:2: GeneratedTokens \"\" is empty; {expected}")),
    ];
    for (cell, expected) in cases {
        check_csv_row(&format!("{time},1,{cell}"), &expected);
    }
    let digits = "9".repeat(60);
    check_csv_row(
        &format!("{time},{digits},1"),
        &format!("t:2: ContextTokens \"{}…\" is too large; {expected}", &digits[..40]),
    );
    check_csv_row(
        "2023-02-29 18:15:46,1,1",
        "t:2: TIMESTAMP \"2023-02-29 18:15:46\" is not a time: there is no such day; \
         expected YYYY-MM-DD HH:MM:SS.fffffff",
    );
}

#[test]
fn every_bad_line_is_named() {
    let time = "2023-11-16 18:15:46";
    check_csv_row(
        &format!("{time},1"),
        &format!("t:2: \"{time},1\" has 2 fields; expected 3 as in the header"),
    );
    check_csv_row(
        &format!("{time},1,2,3"),
        &format!("t:2: \"{time},1,2,3\" has 4 fields; expected 3 as in the header"),
    );
    check_csv_row(
        &format!("{time},1,\"2"),
        &format!(
            "t:2: \"{time},1,\"2\" opens a quoted field and does not close it on the same line"
        ),
    );
    check_csv_row(&format!("\n\n{time},1,2"), "t:2: is blank; expected a request");
    check_csv_row(
        &format!("{time},1,2\n{time}.5,1,2\n{time}.25,1,2\n{time}.75,1,2"),
        &format!(
            "t:4: TIMESTAMP \"{time}.25\" is earlier than \"{time}.5\", \
             the time of the request before it"
        ),
    );
}

#[test]
fn bad_bytes_are_named() {
    check_problem(
        InputFormat::Csv,
        [HEADER.as_bytes(), b"2023-11-16 18:15:46,\xff,1\n"].concat(),
        "t:2: \"2023-11-16 18:15:46,\u{fffd},1\" is not UTF-8 text at byte 21 of the line",
    );
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = [&b"\xff\xfe"[..], &utf16].concat();
    let error = Trace::read("t", InputFormat::Csv, text.as_slice()).expect_err("not UTF-8");
    assert!(error.to_string().contains("save the file as UTF-8"), "{error}");
    check_problem(
        InputFormat::Csv,
        format!("{HEADER}{}\n2023-11-16 18:15:46,1,1\n", "7".repeat((1 << 20) + 1)),
        &format!(
            "t:2: \"{}…\" is longer than 1048576 bytes; reading stopped there",
            "7".repeat(40)
        ),
    );
    check_problem(
        InputFormat::Jsonl,
        "\u{1b}[31mred\u{7}",
        "t:1: \"\\u{1b}[31mred\\u{7}\" is not a JSON object: expected `{` at column 1",
    );
}

#[test]
fn a_bad_header_is_named_column_by_column() {
    check_bad(
        InputFormat::Csv,
        "TIMESTAMP,contexttokens\n2023-11-16 18:15:46,1\n",
        "the trace t has 2 problems; nothing was run
         t:1: ContextTokens is missing from the header; found \"TIMESTAMP,contexttokens\"
         t:1: GeneratedTokens is missing from the header; found \"TIMESTAMP,contexttokens\"
         hint: begin the file with a line that names TIMESTAMP, ContextTokens and GeneratedTokens \
         once each, separated by commas (other columns are ignored)",
    );
    check_problem(
        InputFormat::Csv,
        "TIMESTAMP,ContextTokens,GeneratedTokens,TIMESTAMP\n",
        "t:1: TIMESTAMP is named twice in the header",
    );
}

#[test]
fn a_trace_without_requests_is_refused() {
    let empty = "t:1: the file is empty; expected at least one request";
    for text in ["", "\n", "\u{feff}", "\r\n \r\n"] {
        check_problem(InputFormat::Csv, text, empty);
        check_problem(InputFormat::Jsonl, text, empty);
    }
    check_problem(
        InputFormat::Csv,
        HEADER,
        "t:1: the file ends after its header; expected at least one request",
    );
}

#[test]
fn every_bad_json_line_is_named() {
    let row = |time: &str, input: &str| {
        format!("{{\"timestamp\":{time},\"input_length\":{input},\"output_length\":1}}")
    };
    let tokens = "expected a whole number from 0 to 10000000";
    let millis = "expected milliseconds from 0 to 10000000000000, with at most 6 decimals";
    let cases = [
        (row("0", "-1"), format!("t:1: input_length \"-1\" is negative; {tokens}")),
        (
            row("0", "1e400"),
            format!("t:1: input_length \"1e400\" is not a number of this form; {tokens}"),
        ),
        (
            row("0", "\"7\""),
            format!("t:1: input_length \"\"7\"\" is not a number of this form; {tokens}"),
        ),
        (
            row("0", "null"),
            format!("t:1: input_length \"null\" is not a number of this form; {tokens}"),
        ),
        (
            "{\"timestamp\":0,\"output_length\":1}".to_owned(),
            "t:1: input_length is missing".to_owned(),
        ),
        (
            "{\"timestamp\":0,\"timestamp\":1}".to_owned(),
            "t:1: \"{\"timestamp\":0,\"timestamp\":1}\" names timestamp more than once".to_owned(),
        ),
        (row("-3", "1"), format!("t:1: timestamp \"-3\" is negative; {millis}")),
        (
            row("99999999999999", "1"),
            format!("t:1: timestamp \"99999999999999\" is too large; {millis}"),
        ),
        (
            row("0.1234567", "1"),
            format!("t:1: timestamp \"0.1234567\" is not a number of this form; {millis}"),
        ),
        (
            "{\"timestamp\":NaN}".to_owned(),
            "t:1: \"{\"timestamp\":NaN}\" is not a JSON object: expected value at column 14"
                .to_owned(),
        ),
        (
            "[0,1,2]".to_owned(),
            "t:1: \"[0,1,2]\" is not a JSON object: expected `{` at column 1".to_owned(),
        ),
        (
            format!("{}\n{}", row("5", "1"), row("4", "1")),
            "t:2: timestamp \"4\" is earlier than \"5\", the time of the request before it"
                .to_owned(),
        ),
    ];
    for (text, expected) in cases {
        check_problem(InputFormat::Jsonl, text, &expected);
    }
}

#[test]
fn ten_problems_are_shown_and_all_are_counted() {
    let text = format!("{HEADER}{}", "2023-11-16 18:15:46,x,y\n".repeat(8));
    let error = Trace::read("t", InputFormat::Csv, text.as_bytes()).expect_err("bad").to_string();
    assert!(error.starts_with("the trace t has 16 problems; nothing was run\n"), "{error}");
    assert_eq!(error.matches("\n  t:").count(), 10, "{error}");
    assert!(error.contains("\n  and 6 more (the first 10 are shown)\nhint: "), "{error}");
}

/// Expects one problem, and this advice.
#[track_caller]
fn check_hint(format: InputFormat, text: &str, problem: &str, hint: &str) {
    check_problem(format, text, problem);
    let error = Trace::read("t", format, text.as_bytes()).expect_err("bad").to_string();
    assert!(error.ends_with(&format!("\nhint: {hint}")), "{error}");
}

#[test]
fn a_file_of_the_other_format_is_told_as_such() {
    let row = "{\"timestamp\":0,\"input_length\":1,\"output_length\":1}\n";
    check_hint(
        InputFormat::Csv,
        &row.repeat(3),
        "t:1: \"{\"timestamp\":0,\"input_length\":1,\"output_\u{2026}\" is JSON; expected a CSV header",
        "this looks like JSON lines: add --input-format jsonl",
    );
    check_hint(
        InputFormat::Jsonl,
        &format!("{HEADER}{}", "2023-11-16 18:15:46,1,1\n".repeat(20)),
        "t:1: \"TIMESTAMP,ContextTokens,GeneratedTokens\" is a CSV header; expected a JSON object",
        "this looks like CSV: add --input-format csv",
    );
    check_hint(
        InputFormat::Csv,
        "\"TIMESTAMP\"; ContextTokens;GeneratedTokens\n2023-11-16 18:15:46;1;1\n",
        "t:1: \"\"TIMESTAMP\"; ContextTokens;GeneratedToke\u{2026}\" separates its columns with \
         semicolons; expected commas",
        "write commas between the columns, in every line",
    );
}

#[test]
fn a_stream_without_end_is_refused_and_not_read_for_ever() {
    let endless = |byte| BufReader::new(io::repeat(byte));
    for format in [InputFormat::Csv, InputFormat::Jsonl] {
        let error = Trace::read("t", format, endless(0)).expect_err("no line ends").to_string();
        assert!(error.contains("is longer than 1048576 bytes; reading stopped there"), "{error}");
        let error = Trace::read("t", format, endless(b'\n')).expect_err("all blank").to_string();
        assert!(error.contains("more than the 20000000 that are read"), "{error}");
    }
}

#[test]
fn the_ending_names_the_format() {
    let of = |name: &str| InputFormat::of_ending(Path::new(name));
    assert_eq!(of("a.csv"), Some(InputFormat::Csv));
    assert_eq!(of("dir.csv/a.JSONL"), Some(InputFormat::Jsonl));
    assert_eq!(of("a.json"), Some(InputFormat::Jsonl));
    assert_eq!(of("a.csv.gz"), None);
    let here = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert!(matches!(Trace::open(here, None), Err(TraceError::UnknownFormat { .. })));
    // That nothing is there comes before how it ends.
    for missing in ["/no/such/trace.csv", "/no/such/trace", env!("CARGO_MANIFEST_DIR")] {
        let missing = Trace::open(Path::new(missing), None);
        assert!(matches!(missing, Err(TraceError::Unreadable { .. })), "{missing:?}");
    }
}
