//! Tokio's sockets, timers and tasks inside handlers.

use std::future::Future;

use nexus::{Agent, Context, Handle, Handler, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Churned, Echo, Probe, assert_alive, churn, ms, now, probe, probes, start, test,
};

/// Serves connections: sends back every byte plus one.
struct Server {
    listener: Option<TcpListener>,
}

impl Agent for Server {
    const KIND: &'static str = "server";

    fn new(_key: &str) -> Server {
        Server { listener: None }
    }
}

/// Starts to listen; the port.
#[derive(Message)]
#[message(reply = u16)]
struct Listen;

impl Handler<Listen> for Server {
    async fn handle(&mut self, _: Listen, _cx: &mut Context<Server>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        self.listener = Some(listener);
        port
    }
}

/// Serves one connection to its end; the bytes it saw.
#[derive(Message)]
#[message(reply = u64)]
struct Serve;

impl Handler<Serve> for Server {
    async fn handle(&mut self, _: Serve, _cx: &mut Context<Server>) -> u64 {
        let listener = self.listener.as_ref().expect("it listens");
        let (mut stream, _) = listener.accept().await.expect("somebody connects");
        let (mut buffer, mut total) = ([0; 64], 0);
        loop {
            let count = stream.read(&mut buffer).await.expect("the connection holds");
            if count == 0 {
                return total;
            }
            buffer[..count].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            stream.write_all(&buffer[..count]).await.expect("the connection holds");
            total += count as u64;
        }
    }
}

/// Speaks to a server.
struct Client;

impl Agent for Client {
    const KIND: &'static str = "client";

    fn new(_key: &str) -> Client {
        Client
    }
}

/// Sends so many bytes, one at a time, and reads the answers; whether all were right.
#[derive(Message)]
#[message(reply = bool)]
struct Speak(u16, u8);

impl Handler<Speak> for Client {
    async fn handle(&mut self, Speak(port, count): Speak, _cx: &mut Context<Client>) -> bool {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let mut stream = stream.expect("the server listens");
        stream.set_nodelay(true).expect("it is a socket");
        for byte in 0..count {
            stream.write_all(&[byte]).await.expect("the connection holds");
            let mut answer = [0];
            stream.read_exact(&mut answer).await.expect("the connection holds");
            if answer[0] != byte.wrapping_add(1) {
                return false;
            }
        }
        true
    }
}

/// While everything else on the node keeps the workers busy and steals agents
/// from worker to worker, every byte still comes through.
#[test]
fn sockets_work_across_suspend_and_steal() {
    test(|| {
        let node = start(2);
        let churners = churn(&node, 200);
        let pairs = 8u64;
        let speak = |number: u64| {
            let server: Handle<Server> = node.spawn(&number.to_string()).expect("the key is free");
            let client: Handle<Client> = node.spawn(&number.to_string()).expect("the key is free");
            node.task(async move {
                let port = server.ask(Listen).await.expect("it listens");
                let serving = async { server.ask(Serve).await };
                let speaking = async { client.ask(Speak(port, 200)).await };
                join(serving, speaking).await
            })
        };
        let tasks: Vec<_> = (0..pairs).map(speak).collect();
        for task in tasks {
            let spoken = node.block_on(task.expect("it is running"));
            assert_eq!(spoken, Ok((Ok(200), Ok(true))));
        }
        churners.iter().for_each(Handle::<Churned>::kill);
        assert_alive(&node);
    });
}

/// Both, at the same time.
async fn join<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|poller| {
        if first.is_none()
            && let std::task::Poll::Ready(value) = one.as_mut().poll(poller)
        {
            first = Some(value);
        }
        if second.is_none()
            && let std::task::Poll::Ready(value) = other.as_mut().poll(poller)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => std::task::Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                std::task::Poll::Pending
            }
        }
    })
    .await
}

/// Sleeps by tokio's clock; for how many microseconds.
#[derive(Message)]
#[message(reply = u64)]
struct TokioNap(u64);

impl Handler<TokioNap> for Probe {
    async fn handle(&mut self, TokioNap(milliseconds): TokioNap, _cx: &mut Context<Probe>) -> u64 {
        let start = now();
        tokio::time::sleep(ms(milliseconds)).await;
        start.elapsed().as_micros() as u64
    }
}

/// Has one of tokio's own tasks ask another agent, and waits for it.
#[derive(Message)]
#[message(reply = u64)]
struct Delegate;

impl Handler<Delegate> for Probe {
    async fn handle(&mut self, _: Delegate, cx: &mut Context<Probe>) -> u64 {
        let other: Handle<Probe> = cx.find("other").expect("it runs");
        let start = now();
        #[allow(clippy::disallowed_methods, reason = "users will do this; it has to work")]
        let asked = tokio::spawn(async move {
            tokio::time::sleep(ms(2)).await;
            other.ask(Echo(1)).await
        });
        assert_eq!(asked.await.expect("it does not panic"), Ok(1));
        start.elapsed().as_micros() as u64
    }
}

/// What wakes a sleeping worker from within its own thread is seen to at once,
/// not when somebody happens to look: some of many are prompt, however busy the
/// machine.
#[track_caller]
fn check_prompt<M: Message<Reply = u64>>(message: fn() -> M)
where
    Probe: Handler<M>,
{
    test(move || {
        for workers in [1, 2] {
            let node = start(workers);
            probes(&node);
            let (asked, _other) = (probe(&node, "p"), probe(&node, "other"));
            let mut took: Vec<u64> =
                (0..21).map(|_| node.block_on(asked.ask(message())).expect("it runs")).collect();
            took.sort_unstable();
            assert!(took[0] < 8_000, "two milliseconds took {took:?} microseconds");
        }
    });
}

#[test]
fn tokios_timers_wake_their_agent_at_once() {
    check_prompt(|| TokioNap(2));
}

#[test]
fn tokios_tasks_may_ask_agents() {
    check_prompt(|| Delegate);
}
