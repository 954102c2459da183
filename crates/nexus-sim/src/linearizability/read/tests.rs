//! What reading a history promises, line by bad line.

use super::*;

#[track_caller]
fn check_text(text: &str, expected: &str) {
    let found = match check("t", text.as_bytes()) {
        Ok(verdict) => format!("{} {}", verdict.word(), verdict.reason()),
        Err(error) => error.to_string(),
    };
    assert!(found.starts_with(expected), "{found}\n{text}");
}

/// A line after a good one, in the format of that; what is wrong with it.
#[track_caller]
fn check_map(fields: &str, wrong: &str) {
    let line = format!("{{{fields}}}");
    let text = format!("{{:process 0, :type :invoke, :f :write, :value 1}}\n{line}\n");
    check_text(&text, &format!("t:2: {wrong}\n  {line}\nnothing was checked"));
}

#[track_caller]
fn check_jepsen(rest: &str, wrong: &str) {
    let line = format!("INFO  jepsen.util - {rest}");
    let text = format!("INFO  jepsen.util - 0\t:invoke\t:write\t1\n{line}\n");
    check_text(&text, &format!("t:2: {wrong}"));
}

#[test]
fn the_format_is_told_from_the_first_line() {
    check_text(
        "INFO  jepsen.util - 0 :invoke :read nil\nINFO  jepsen.util - 0 :ok :read nil",
        "ok",
    );
    check_text(
        "\u{feff}{:process 0 :type :invoke :f :read}\r\n\r\n{:process 0 :type :ok :f :read}\r\n",
        "ok",
    );
    check_text("a,b,c", "t:1: is in no format of a history; expected \"INFO  jepsen.util");
    let pairs = "{:process 0 :type :invoke :f :cas :value [\"[\" \"]\"]}";
    check_text(pairs, "ok");
    check_text("", "t: is empty; expected a history");
    check_text("\n \n", "t: is empty; expected a history");
}

#[test]
fn what_is_no_operation_is_skipped() {
    let text = "{:process :nemesis, :type :info, :f :start, :value {:n1 [:n2 \"}\"]}}\n\
                {:process 0, :type :invoke, :f :write, :value 1, :time 1.5e3, :at #inst \"2\"}\n\
                {:index 1, :process 0, :type :info, :f :write, :value [:a [:b]], :error [:x \"y\" 3]}\n\
                {:process 0, :type :invoke, :f :read, :value nil}\n\
                {:process 0, :type :ok, :f :read, :value 1}\n";
    check_text(text, "ok");
    let text = "INFO  jepsen.util - :nemesis :info :start nil\n\
                INFO  jepsen.util - 0 :invoke :cas [0 1]\n\
                INFO  jepsen.util - 0 :fail :cas [0 1] :timed-out\n";
    check_text(text, "ok");
}

#[test]
fn how_an_operation_ended_decides_what_it_tells() {
    let history = |end: &str, read: &str| {
        format!(
            "{{:process 0 :type :invoke :f :cas :value [nil 1]}}\n{{:process 0 {end}}}\n\
             {{:process 0 :type :invoke :f :read}}\n{{:process 0 :type :ok :f :read :value {read}}}"
        )
    };
    check_text(&history(":type :ok :f :cas :value [nil 1]", "1"), "ok");
    check_text(&history(":type :fail :f :cas :value :timed-out", "nil"), "ok");
    check_text(&history(":type :fail :f :cas :value :timed-out", "1"), "violated");
    check_text(&history(":type :fail :f :cas :value [nil 1]", "nil"), "violated");
    check_text(&history(":type :info :f :cas :value :timed-out", "nil"), "ok");
    check_text(&history(":type :info :f :cas :value :timed-out", "1"), "ok");
    check_text(&history(":type :info :f :cas :value :timed-out", "2"), "violated");
}

#[test]
fn a_map_that_cannot_be_read_is_told_with_its_line() {
    check_map("", "has no :process; expected a whole number");
    check_map(":process -1", "has -1 as :process; expected a whole number");
    check_map(":process 1", "has no :type; expected :invoke, :ok, :fail or :info");
    check_map(
        ":process 1 :type :done",
        "has the type :done; expected :invoke, :ok, :fail or :info",
    );
    check_map(":process 1 :type :ok", "has no :f; expected a function such as :read");
    check_map(
        ":process 1 :type :invoke :f :swap",
        "calls \"swap\"; expected read, write, cas, get, put, append or add",
    );
    check_map(":process 1 :type :invoke :f :write", "puts nil; expected a value");
    check_map(
        ":process 1 :type :invoke :f :write :value 1.5",
        "has the value 1.5; expected nil, a whole number or a text",
    );
    check_map(
        ":process 1 :type :invoke :f :write :value 9223372036854775808",
        "has the value 9223372036854775808; expected nil, a whole number or a text",
    );
    check_map(
        ":process 1 :type :invoke :f :cas :value 3",
        "has the value 3; expected two, as in [1 2]",
    );
    check_map(
        ":process 1 :type :invoke :f :append :value 3",
        "appends 3; expected a text in quotes",
    );
    check_map(
        ":process 1 :type :invoke :f :add :value \"a\"",
        "adds \"a\"; expected a whole number",
    );
    check_map(":process 1 :process 1", "names :process twice");
    check_map(":process", "ends too early; expected a value for :process");
    check_map("process 1", "has process as a name; expected one such as :f");
    check_map(":value \"a", "has a text that does not end; expected \"");
    check_text("{:value \"\\u0041\"}", "t:1: has an escape other than \\n \\t \\r \\\" \\\\");
    check_map(":value [1", "has brackets that are not closed");
    check_map(":value ]", "has ] where a value is expected");
    check_text("{:process 1", "t:1: is no map; expected one line from { to }");
}

#[test]
fn operations_begin_and_end_in_turn() {
    check_map(
        ":process 0 :type :invoke :f :read",
        "begins an operation of process 0, whose operation of line 1 has no end",
    );
    check_map(
        ":process 1 :type :ok :f :read",
        "ends an operation of process 1, which has begun none",
    );
    check_map(
        ":process 0 :type :ok :f :read",
        "ends another operation than process 0 began in line 1",
    );
    check_map(
        ":process 0 :type :ok :f :write :key 1",
        "ends another operation than process 0 began in line 1",
    );
}

#[test]
fn a_log_that_cannot_be_read_is_told_with_its_line() {
    check_jepsen("x :ok :read 1", "has the process x; expected a whole number");
    check_jepsen("0", "ends too early; expected :invoke, :ok, :fail or :info");
    check_jepsen("0 :ok", "ends too early; expected a function such as :read");
    check_jepsen("0 :ok :read", "ends too early; expected a value");
    check_jepsen("0 :ok read 1", "calls read; expected a function such as :read");
    check_jepsen("0 :ok :write 1 2", "goes on with 2; expected its end");
    let text = "INFO  jepsen.util - 0 :invoke :read nil\nand then";
    check_text(text, "t:2: is no line of the log; expected \"jepsen.util - \"\n  and then");
}

#[test]
fn hostile_bytes_are_an_error_or_a_verdict() {
    let good: [&[u8]; 2] = [
        b"{:process 0, :type :invoke, :f :cas, :key \"\\\"\", :value [1 2]}\n\
          {:process 0, :type :fail, :f :cas, :key \"\\\"\", :value [1 2]}\n",
        b"INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\t3\n",
    ];
    let mut rng = nexus_base::Rng::new(1);
    for round in 0..20_000 {
        let mut bytes = good[round % 2].to_vec();
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(3) {
                0 => bytes[at] = rng.below(256) as u8,
                1 => bytes[at] = b"{}[]\":, #\n\\-"[rng.below(12) as usize],
                _ => bytes.truncate(at + 1),
            }
        }
        let _ = check("t", &bytes);
    }
    // As deep as a line may be long.
    for one in ["[", "{", "#", "\"", "("] {
        let deep = format!("{{:process 0 :value {}}}", one.repeat(1 << 19));
        assert!(check("t", deep.as_bytes()).is_err());
    }
}
