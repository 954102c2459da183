//! What `nexus serve` promises as a process: its log, its signals, its exit codes.
#![cfg(target_os = "linux")]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};

use support::{PATIENCE, eventually, nexus};

/// A node of its own process.
struct Node {
    child: Child,
    address: SocketAddr,
}

impl Node {
    /// Starts it, and waits until it is ready.
    fn start(command: &mut Command) -> Node {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut line).expect("it is text");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("it is ready");
        let url = ready["http"].as_str().expect("it has an address");
        let address = url.trim_start_matches("http://").parse().expect("it is an address");
        Node { child, address }
    }

    fn serve() -> Command {
        nexus(&["serve", "--listen", "127.0.0.1:0"])
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        stream
    }

    /// The answer to a request, head and body.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("it hears");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in text");
        answer
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    fn end(&mut self) -> ExitStatus {
        eventually("it ends", || self.child.try_wait().expect("it can be waited for"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_that_cannot_be_written_keeps_nobody_from_an_answer() {
    let full = File::create("/dev/full").expect("Linux has it");
    let mut node = Node::start(Node::serve().env("NEXUS_LOG_LEVEL", "debug").stderr(full));
    for _ in 0..3 {
        let answer = node.ask("GET", "/healthz", "");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
    }
    node.signal("TERM");
    assert!(node.end().success());
}

#[test]
fn a_signal_right_after_the_ready_line_drains() {
    for round in 0..20 {
        let mut node = Node::start(&mut Node::serve());
        node.signal(if round % 2 == 0 { "TERM" } else { "INT" });
        let status = node.end();
        assert!(status.success(), "round {round}: {status:?}");
    }
}

/// What a command says that fails, and its exit code.
fn failure(args: &[&str]) -> (Option<i32>, String) {
    let output = nexus(args).stderr(Stdio::piped()).output().expect("it starts");
    (output.status.code(), String::from_utf8(output.stderr).expect("it is text"))
}

#[test]
fn what_is_wrong_at_the_start_is_told_once() {
    let none = "No such file or directory (os error 2)";
    let (code, told) = failure(&["serve", "--config", "/nonexistent/nexus.toml"]);
    assert_eq!((code, told.matches(none).count()), (Some(3), 1), "{told}");
    let (code, told) = failure(&["serve", "--config", "/dev/zero"]);
    assert_eq!((code, told.matches("/dev/zero").count()), (Some(2), 1), "{told}");
    for setting in ["auth.tokens=/nonexistent/t", "tls.cert=/nonexistent/c"] {
        let args = ["serve", "--listen", "127.0.0.1:0", "--set", setting, "--set", "tls.key=/k"];
        let args = if setting.starts_with("tls") { &args[..] } else { &args[..5] };
        let (code, told) = failure(args);
        assert_eq!((code, told.matches(none).count()), (Some(3), 1), "{told}");
    }
    let (code, told) = failure(&["serve", "--set", "http.listen=x"]);
    assert_eq!((code, told.matches("[http] listen").count()), (Some(2), 1), "{told}");
}

/// Starts `nexus top` on a terminal of its own; the other end of that.
fn top(node: &Node) -> (Child, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(ours).expect("Linux has them");
    grantpt(&terminal).expect("it is ours");
    unlockpt(&terminal).expect("it is ours");
    let name = ptsname(&terminal, Vec::new()).expect("it has one");
    let name = name.to_str().expect("it is text");
    let inside = || File::options().read(true).write(true).open(name).expect("it is there");
    let url = format!("http://{}", node.address);
    let mut command = nexus(&["top", "--url", &url]);
    let child = command.stdin(inside()).stdout(inside()).spawn().expect("it starts");
    (child, File::from(terminal))
}

#[test]
fn top_gives_the_terminal_back_whatever_ends_it() {
    let node = Node::start(&mut Node::serve());
    for signal in ["-TERM", "-INT", "-HUP"] {
        let (mut child, mut terminal) = top(&node);
        let mut shown = Vec::new();
        let mut read_until = |wanted: &str| {
            let mut bytes = [0; 4_096];
            while !String::from_utf8_lossy(&shown).contains(wanted) {
                let count = terminal.read(&mut bytes).unwrap_or(0);
                assert!(count > 0, "{signal}: no {wanted:?}");
                shown.extend(&bytes[..count]);
            }
        };
        read_until("\u{1b}[?1049h");
        let id = child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill is there").success());
        read_until("\u{1b}[?1049l");
        let status = eventually("it ends", || child.try_wait().expect("it can be waited for"));
        assert_eq!(status.code(), Some(130), "{signal}");
    }
}

#[test]
fn top_ends_with_its_terminal_though_no_signal_says_so() {
    let node = Node::start(&mut Node::serve());
    let (mut child, mut terminal) = top(&node);
    let mut bytes = [0; 4_096];
    assert!(terminal.read(&mut bytes).expect("it paints") > 0);
    drop(terminal);
    let status = eventually("it ends", || child.try_wait().expect("it can be waited for"));
    assert_eq!(status.code(), Some(3));
}

#[test]
fn the_file_of_the_environment_counts_unless_another_is_named() {
    let name = format!("nexus-config-{}.toml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, "[http]\nlisten = 'nowhere'\n").expect("it can be written");
    let told = |args: &[&str]| {
        let mut command = nexus(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        let output = command.env("NEXUS_CONFIG", &path).stderr(Stdio::piped()).output();
        String::from_utf8(output.expect("it starts").stderr).expect("it is text")
    };
    let wrong = format!("{}:2: [http] listen is \"nowhere\"", path.display());
    assert!(told(&[]).contains(&wrong));
    let other = told(&["--config", "/nonexistent/nexus.toml"]);
    assert!(!other.contains(&wrong) && other.contains("/nonexistent/nexus.toml"), "{other}");
    std::fs::remove_file(&path).expect("it is there");
    drop(Node::start(Node::serve().env("NEXUS_CONFIG", "")));
}

#[test]
fn no_token_is_made_that_has_expired() {
    let name = format!("nexus-token-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = path.to_str().expect("it is text");
    let make = |expires| {
        let args = ["token", "create", "--role", "viewer", "--name", "a", "--file", file];
        failure(&[&args[..], &["--expires", expires]].concat())
    };
    for past in ["2020-01-31", "2020-01-31T12:00:00Z"] {
        let (code, told) = make(past);
        assert!(code == Some(2) && told.contains("is over; nothing was made"), "{told}");
    }
    assert!(!path.exists());
    assert_eq!(make("9999-12-31"), (Some(0), String::new()));
    std::fs::remove_file(&path).expect("it was made");
}

#[test]
fn a_listing_with_nothing_in_it_says_so() {
    let node = Node::start(&mut Node::serve());
    let url = format!("http://{}", node.address);
    let ls = |more: &[&str]| {
        let args = [&["agents", "ls", "--url", &url], more].concat();
        let output = nexus(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = output.expect("it starts");
        assert!(output.status.success());
        assert_eq!(output.stdout, b"");
        String::from_utf8(output.stderr).expect("it is text")
    };
    let told = ls(&[]);
    assert!(told.starts_with("note: no agents run") && told.contains("agents create"), "{told}");
    node.ask("PUT", "/v1/agents/kv/1", "");
    let told = ls(&["--where", "errors > 0"]);
    assert!(told.starts_with("note: no agent is like that"), "{told}");
}
