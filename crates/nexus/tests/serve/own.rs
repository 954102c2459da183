//! A program of somebody's own that serves, as a process: what it is told by its
//! environment, and what it tells.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use nexus::{ServeError, Server};
use serde_json::{Value, json};

use crate::support::{Client, Folder, Gated, eventually, request};

/// Is set where [`program`] is meant to be the program, not a test.
const IS_PROGRAM: &str = "OWN_PROGRAM";

/// The program; as a test, nothing.
#[test]
fn program() -> Result<(), ServeError> {
    match std::env::var_os(IS_PROGRAM) {
        Some(_) => Server::new().kind::<Gated>().run(),
        None => Ok(()),
    }
}

/// The program in a process of its own, on any port.
fn own() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("it runs"));
    command.args(["--exact", "own::program", "--nocapture", "--test-threads=1"]);
    command.env(IS_PROGRAM, "1").env("NEXUS_HTTP_LISTEN", "127.0.0.1:0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    ready: Value,
    address: SocketAddr,
}

impl Program {
    /// Starts it, and waits until it is ready.
    fn start(command: &mut Command) -> Program {
        let mut child = command.spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let ready: Value = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).expect("it is text") > 0, "it is never ready");
            // What runs tests has something to say as well, before it on the line.
            if let Some(at) = line.find('{') {
                break serde_json::from_str(&line[at..]).expect("it is JSON");
            }
        };
        let url = ready["http"].as_str().expect("it has an address");
        let address = url.trim_start_matches("http://").parse().expect("it is an address");
        Program { child, stdout, ready, address }
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits until it ends; how, and what stood on standard error.
    fn end(&mut self) -> (ExitStatus, String) {
        let mut ended = None;
        eventually("the program ends", || {
            ended = self.child.try_wait().expect("it can be waited for");
            ended.is_some()
        });
        let (mut told, mut rest) = (String::new(), String::new());
        let mut stderr = self.child.stderr.take().expect("it was asked for");
        stderr.read_to_string(&mut told).expect("it is text");
        self.stdout.read_to_string(&mut rest).expect("it is text");
        (ended.expect("it has"), told)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program says that does not start.
#[track_caller]
fn refused(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(!output.status.success());
    String::from_utf8(output.stderr).expect("it is text")
}

#[test]
fn a_program_is_set_up_by_its_environment() {
    let folder = Folder::new();
    let (file, tokens) = (folder.0.join("nexus.toml"), folder.0.join("tokens"));
    let config = format!("[node]\nname = 'of-the-file'\n[auth]\ntokens = {tokens:?}\n");
    std::fs::write(&file, config).expect("it can be written");
    std::fs::write(&tokens, "").expect("it can be written");
    let mut program = Program::start(
        own().env("NEXUS_CONFIG", &file).env("NEXUS_NODE_NAME", "of-the-environment"),
    );
    assert_eq!(program.ready["node"], "of-the-environment");
    let answer = program.client().ask("GET", "/v1/status", &[], "");
    answer.fails(401, "unauthorized", "no", "no");
    program.signal("TERM");
    assert!(program.end().0.success());
}

#[test]
fn a_wrong_environment_keeps_a_program_from_starting() {
    let told = refused(own().env("NEXUS_HTTP_LISTEN", "nowhere"));
    assert!(told.contains("NEXUS_HTTP_LISTEN: [http] listen is \"nowhere\"; valid is"), "{told}");
    let told = refused(own().env("NEXUS_CONFIG", "/nonexistent/nexus.toml"));
    assert!(told.contains("/nonexistent/nexus.toml: cannot be read"), "{told}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut program = Program::start(own().env("NEXUS_NODE_DRAIN_S", "600"));
    let mut client = program.client();
    assert_eq!(client.ask("PUT", "/v1/agents/gated/1", &[], "").status, 201);
    let pass = json!({"type": "message", "name": "pass", "deadline_ms": 600_000}).to_string();
    assert!(client.say(request("POST", "/v1/agents/gated/1", &[], &pass)));
    eventually("it stands at the gate", || {
        let answer = program.client().ask("GET", "/v1/agents/gated/1/why", &[], "");
        answer.json()["handler"] == "pass"
    });
    program.signal("TERM");
    eventually("the port is closed", || std::net::TcpStream::connect(program.address).is_err());
    program.signal("TERM");
    assert_eq!(program.end().0.code(), Some(130));
}

#[test]
fn a_program_has_a_log() {
    let mut program = Program::start(own().env("NEXUS_LOG_LEVEL", "info"));
    program.signal("INT");
    let (status, told) = program.end();
    assert!(status.success() && told.contains("INFO nexus: draining"), "{told}");
}

#[test]
fn a_program_that_does_not_start_says_why_in_words() {
    let told = refused(own().env("NEXUS_AUTH_TOKENS", "/nonexistent/tokens"));
    let words = "Error: the file of tokens /nonexistent/tokens cannot be read: No such file or \
                 directory (os error 2)\n";
    assert!(told.contains(words), "{told}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let told = refused(own().env("NEXUS_HTTP_LISTEN", &address));
    let words = format!("Error: cannot listen on {address}; choose another address");
    assert!(told.contains(&words) && told.contains(": Address already in use"), "{told}");
}
