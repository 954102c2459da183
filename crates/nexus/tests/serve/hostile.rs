//! What is thrown at the port, and the answer it gives. After each of these the
//! node does what it is there for. `docs/security.md` lists them by name.

mod contents;
mod floods;
mod framing;
mod slow;

use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::support::{Answer, Client, Served, ms, resident_bytes, serve_with};

/// What memory may grow by while other tests run in the same process. A
/// sanitizer keeps freed memory, a quarter of a gigabyte unless it is told
/// otherwise, and puts space around all of it.
const GROWTH_MAX: u64 = if cfg!(nexus_no_pool) { 1 << 30 } else { 96 << 20 };

/// Tests that measure memory, one after the other.
fn measured() -> MutexGuard<'static, ()> {
    static MEASURED: Mutex<()> = Mutex::new(());
    MEASURED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn is_bounded(before: u64) {
    let growth = resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_MAX, "memory grew by {} MiB", growth >> 20);
}

/// A node that waits for nobody.
fn impatient() -> Served {
    serve_with(|settings| {
        settings.http.header_timeout = ms(300);
        settings.http.body_timeout = ms(300);
        settings.http.idle_timeout = ms(600);
    })
}

/// What the node answers to these bytes, if it does, before it ends the connection.
#[track_caller]
fn reply(served: &Served, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut client = served.client();
    client.say(bytes);
    client.answer_or_end("GET")
}

#[track_caller]
fn status(served: &Served, bytes: impl AsRef<[u8]>) -> u16 {
    reply(served, bytes).map_or(0, |answer| answer.status)
}

/// Closes without good-bye: what is not read is thrown away, and the other side
/// is told that nobody is here.
fn reset_on_close(stream: &TcpStream) {
    let socket = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
    socket.expect("it is a socket");
}

/// A body of zeros, as long as it may get, until the node has had enough.
fn pour(client: &mut Client, chunked: bool, bytes: usize) {
    let piece = vec![b'0'; 65_536];
    let framed = [b"10000\r\n", piece.as_slice(), b"\r\n"].concat();
    for _ in 0..bytes / piece.len() {
        if !client.say(if chunked { &framed } else { &piece }) {
            return;
        }
    }
}

/// The first lines of a request whose framing is up to the test.
const HEAD: &str = "POST /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\n";

/// The names of the tests in a file.
fn tests_in(source: &str) -> Vec<&str> {
    let after = source.split("#[test]\nfn ").skip(1);
    after.filter_map(|rest| rest.split('(').next()).collect()
}

#[test]
fn the_list_in_the_documentation_is_that_of_the_tests() {
    let document = include_str!("../../../../docs/security.md");
    let hostile = [
        include_str!("hostile/contents.rs"),
        include_str!("hostile/floods.rs"),
        include_str!("hostile/framing.rs"),
        include_str!("hostile/slow.rs"),
    ];
    let hostile: Vec<&str> = hostile.into_iter().flat_map(tests_in).collect();
    assert!(hostile.len() >= 24);
    for name in &hostile {
        assert!(document.contains(&format!("| `{name}` |")), "{name} is not told");
    }
    let others = [include_str!("door.rs"), include_str!("encrypted.rs"), include_str!("list.rs")];
    let others: Vec<&str> = others.into_iter().flat_map(tests_in).collect();
    let table = document.split("| test |").nth(1).expect("there is a table");
    for row in table.lines().filter(|row| row.ends_with("` |")) {
        let told = row.rsplit('`').nth(1).expect("it names a test");
        assert!(hostile.contains(&told) || others.contains(&told), "there is no test {told}");
    }
}
