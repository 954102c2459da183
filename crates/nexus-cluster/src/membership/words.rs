//! What a datagram says, in words for people who look at a run.

use super::error::DatagramError;
use super::wire::{Datagram, News, WireMessage, parse};
use crate::ClusterId;

/// What a datagram of `cluster` says.
///
/// # Errors
/// [`DatagramError`], if it is none.
pub fn words(cluster: ClusterId, datagram: &[u8]) -> Result<String, DatagramError> {
    Ok(match parse(cluster, datagram)? {
        Datagram::Swim(header, news) => message(&header.message) + &told(news),
        Datagram::Ask(ask) => match ask.after {
            None => "whom do you know?".to_owned(),
            Some(after) => format!("whom do you know after {after}?"),
        },
        Datagram::Page(page, news) if !page.has_more && news.iter().next().is_none() => {
            "whom I know: nobody that you do not".to_owned()
        }
        Datagram::Page(page, news) => {
            let more = if page.has_more { ", and more" } else { "" };
            format!("whom I know{}{more}", told(news))
        }
        Datagram::Outranked(outranked) => {
            format!("another process is {} now", outranked.by.life.node)
        }
    })
}

fn message(message: &WireMessage<'_>) -> String {
    let third = message.third().map(|third| third.life.node.to_string()).unwrap_or_default();
    match message {
        WireMessage::Ping(number) => format!("are you there? ({number})"),
        WireMessage::Ack(number) => format!("I am here ({number})"),
        WireMessage::PingReq(_, number) => format!("ask {third} whether it is there ({number})"),
        WireMessage::IndirectPing(_, number) => {
            format!("are you there? {third} would know ({number})")
        }
        WireMessage::IndirectAck(_, number) => format!("tell {third} that I am here ({number})"),
        WireMessage::ForwardedAck(_, number) => format!("{third} is there ({number})"),
        WireMessage::Announce => "I come".to_owned(),
        WireMessage::Feed => "some of whom I know".to_owned(),
        WireMessage::Gossip => "news".to_owned(),
        WireMessage::TurnUndead => "you are called down".to_owned(),
    }
}

/// The news, if there are any.
fn told(news: News<'_>) -> String {
    let all: Vec<String> = news
        .iter()
        .map(|(member, _)| format!("{} {:?}", member.id.life.node, member.state))
        .collect();
    if all.is_empty() { String::new() } else { format!(": {}", all.join(", ")) }
}
