//! More requests than agents have time for: they are told so, and do not wait unread.

use std::sync::Arc;

use nexus::{Accepts, Agent, Context, Handler, MailboxSpec, Message, Server};
use serde_json::json;

use crate::support::{Client, Served, eventually, ms, now, request, settings};

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
