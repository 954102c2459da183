//! What a program that serves says on standard error, and with which code it ends.
//!
//! Hook for panics, log and exit code are those of a whole process: the tests start this
//! very program again, for the one test in it that serves.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nexus::{Agent, Settings};
use serde_json::{Value, json};

use crate::support::{Client, eventually, request, server};

/// What the program's own hook for panics begins its lines with; set where it is to serve.
const HOOK: &str = "NEXUS_TEST_HOOK";

#[test]
fn serves_where_it_is_told_to() {
    let Ok(hook) = std::env::var(HOOK) else { return };
    std::panic::set_hook(Box::new(move |panic| eprintln!("{hook} {panic}")));
    let settings = Settings::from_env().expect("they are right");
    let served = server(settings, &Arc::default()).kind::<Rude>().run();
    // As a `main` does that returns it.
    if let Err(error) = served {
        eprintln!("Error: {error:?}");
        std::process::exit(1);
    }
}

/// Has another thread panic when it is made.
struct Rude;

impl Agent for Rude {
    const KIND: &'static str = "rude";

    fn new(_key: &str) -> Rude {
        let _ = std::thread::spawn(|| panic!("not of an agent")).join();
        Rude
    }
}

/// A process that serves.
struct Program {
    child: Child,
    address: SocketAddr,
    told: Arc<Mutex<Vec<String>>>,
    /// Open as long as the process runs, which would fail if it could not say how it went.
    _stdout: Lines<BufReader<ChildStdout>>,
    listens: Option<JoinHandle<()>>,
}

impl Program {
    fn start(settings: &[(&str, &str)]) -> Program {
        let program = std::env::current_exe().expect("it runs");
        let mut command = Command::new(program);
        command.args(["--exact", "log::serves_where_it_is_told_to", "--nocapture"]);
        command.env(HOOK, "own hook:").env("NEXUS_HTTP_LISTEN", "127.0.0.1:0");
        command.env("NEXUS_LOG_FORMAT", "json").envs(settings.iter().copied());
        command.env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("it was asked for"));
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = told.clone();
        let listens = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                hears.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut stdout = stdout.lines();
        let ready = stdout.by_ref().map_while(Result::ok).find_map(|line| {
            // What runs the tests may have begun the line.
            serde_json::from_str::<Value>(&line[line.find('{')?..]).ok()
        });
        let ready = ready.expect("it is ready");
        let url = ready["http"].as_str().expect("it has an address");
        let address = url.trim_start_matches("http://").parse().expect("it is an address");
        Program { child, address, told, _stdout: stdout, listens: Some(listens) }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many of this the lines of the log stand for.
    fn counted(&self, what: &str) -> u64 {
        let told = self.told();
        let lines = told.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told_of = lines.filter(|line| {
            let message = line["message"].as_str().unwrap_or_default();
            message.starts_with(what) || line["what"] == what
        });
        told_of.map(|line| line["count"].as_u64().expect("it is counted")).sum()
    }

    /// Its exit code, once it has ended.
    fn end(&mut self) -> Option<i32> {
        let mut ended = None;
        eventually("it ends", || {
            ended = self.child.try_wait().expect("it can be waited for");
            ended.is_some()
        });
        self.listens.take().expect("it ends once").join().expect("it hears");
        ended.and_then(|status| status.code())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn agents_that_panic_by_the_hundred_fill_no_log_and_are_all_counted() {
    const CRASHES: u64 = 300;
    let mut program = Program::start(&[]);
    let mut client = Client::connect(program.address);
    let boom = json!({"type": "message", "name": "boom"}).to_string();
    for number in 0..CRASHES {
        let agent = format!("/v1/agents/cart/{number}");
        assert_eq!(client.ask("PUT", &agent, &[], "").status, 201);
        client.ask("POST", &agent, &[], &boom).fails(500, "crashed", "unknown", "refresh");
    }
    client.ask("PUT", "/v1/agents/rude/1", &[], "");
    // Nothing follows that could tell of them.
    for what in ["panic", "agent.crashed", "failed"] {
        eventually("all are told", || program.counted(what) == CRASHES);
    }
    client.ask("POST", "/v1/drain", &[], "");
    assert_eq!(program.end(), Some(0));
    let told = program.told();
    let (own, log): (Vec<_>, Vec<_>) = told.iter().partition(|line| line.starts_with("own hook:"));
    assert_eq!(own.len(), 1, "those of agents are told in the log alone: {own:?}");
    let json = |line: &String| serde_json::from_str::<Value>(line).ok();
    let lines: Vec<Value> = log.iter().filter_map(|line| json(line)).collect();
    let first = lines.iter().find(|line| {
        line["message"].as_str().is_some_and(|text| text == "panic: the wheel came off")
    });
    let first = first.unwrap_or_else(|| panic!("no panic among {told:?}"));
    assert!(first["location"].as_str().is_some_and(|at| at.contains("support.rs:")), "{first}");
    assert!(first["thread"].as_str().is_some_and(|name| name.contains("nexus-")), "{first}");
    let left_out = lines.iter().find(|line| line["what"] == "failed");
    assert_eq!(left_out.map(|line| &line["of"]), Some(&json!("cart")), "{told:?}");
    let mut of_agents = log.iter().filter(|line| line.contains("the wheel came off"));
    assert!(of_agents.all(|line| json(line).is_some()), "{told:?}");
    assert!(told.len() < CRASHES as usize / 3, "{} lines", told.len());
}

#[test]
fn a_drain_that_cuts_work_short_says_so_and_fails() {
    let mut program = Program::start(&[("NEXUS_NODE_DRAIN_S", "0.2")]);
    let mut client = Client::connect(program.address);
    assert_eq!(client.ask("PUT", "/v1/agents/gated/1", &[], "").status, 201);
    let pass = json!({"type": "message", "name": "pass"}).to_string();
    assert!(client.say(request("POST", "/v1/agents/gated/1", &[], &pass)));
    let mut other = Client::connect(program.address);
    eventually("it stands at the gate", || {
        other.ask("GET", "/v1/agents/gated/1/why", &[], "").json()["phase"] == "suspended"
    });
    other.ask("POST", "/v1/drain", &[], "");
    assert_eq!(program.end(), Some(1));
    let told = program.told().join("\n");
    assert!(told.contains("work was cut short") && told.contains("gated/1: suspended"), "{told}");
}
