//! More requests than agents have time for: they are told so, and do not wait unread.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};

use nexus::{Accepts, Agent, Context, Handler, KindSpec, MailboxSpec, Message, Server};
use serde_json::json;

use crate::support::{Client, Served, connect, eventually, ms, now, request, settings};

/// An agent whose handler keeps its worker for some milliseconds.
struct Slow;

#[derive(Message)]
#[message(name = "work")]
struct Work;

impl Agent for Slow {
    const KIND: &'static str = "slow";
    const MAILBOX: MailboxSpec = MailboxSpec::DEFAULT.len_max(4);

    fn new(_key: &str) -> Slow {
        Slow
    }

    fn accepts(kind: &mut Accepts<Slow>) {
        kind.message::<Work>();
    }
}

impl Handler<Work> for Slow {
    async fn handle(&mut self, _: Work, _cx: &mut Context<Slow>) {
        let until = now() + ms(3);
        while now() < until {
            std::hint::spin_loop();
        }
    }
}

fn serve_slow() -> Served {
    let mut settings = settings();
    settings.node.workers = 1;
    let running = Server::new().settings(settings).kind::<Slow>().start().expect("a free port");
    Served { address: running.listens(), running: Some(running), gate: Arc::default() }
}

#[test]
fn a_mailbox_is_full_even_if_handlers_run_in_their_askers_place() {
    let served = serve_slow();
    served.create("slow/1");
    let mut clients: Vec<Client> = (0..40).map(|_| served.client()).collect();
    let work = json!({"type": "message", "name": "work", "args": {}}).to_string();
    let work = request("POST", "/v1/agents/slow/1", &[], &work);
    eventually("some are refused", || {
        assert!(clients.iter_mut().all(|client| client.say(&work)));
        let statuses: Vec<u16> = clients.iter_mut().map(|client| client.answer().status).collect();
        assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
        statuses.contains(&200) && statuses.contains(&429)
    });
}

/// An agent whose handler keeps its worker until the test lets it go.
struct Blocker(Arc<Door>);

/// Closed until it is opened.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn open(&self) {
        *self.open.lock().expect("nobody panics with it") = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().expect("nobody panics with it");
        drop(self.opened.wait_while(open, |open| !*open).expect("nobody panics with it"));
    }
}

#[derive(Message)]
#[message(name = "block")]
struct Block;

impl Agent for Blocker {
    const KIND: &'static str = "blocker";

    fn new(_key: &str) -> Blocker {
        unreachable!("made by its kind's constructor")
    }

    fn accepts(kind: &mut Accepts<Blocker>) {
        kind.message::<Block>();
    }
}

impl Handler<Block> for Blocker {
    async fn handle(&mut self, _: Block, _cx: &mut Context<Blocker>) {
        self.0.pass();
    }
}

#[test]
fn who_comes_while_a_handler_blocks_a_worker_is_answered_by_another() {
    let mut settings = settings();
    settings.node.workers = 2;
    let door = Arc::new(Door::default());
    let inner = door.clone();
    let spec = KindSpec::from_fn(move |_: &str| Blocker(inner.clone()));
    let running = Server::new().settings(settings).kind_with(spec).start().expect("a free port");
    let served =
        Served { address: running.listens(), running: Some(running), gate: Arc::default() };
    served.create("blocker/1");
    let mut blocked = served.client();
    let block = json!({"type": "message", "name": "block", "args": {}}).to_string();
    assert!(blocked.say(request("POST", "/v1/agents/blocker/1", &[], &block)));
    // Each gives up after a while: those that came at once may wait behind the handler.
    eventually("newcomers are answered", || {
        let mut newcomer = connect(served.address);
        newcomer.set_read_timeout(Some(ms(50))).expect("it is a socket");
        newcomer.write_all(request("GET", "/healthz", &[], "").as_bytes()).expect("it hears");
        newcomer.read(&mut [0]).is_ok_and(|count| count == 1)
    });
    door.open();
    assert_eq!(blocked.answer().status, 200);
}
