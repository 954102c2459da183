//! Nodes that have left a shard, and hear of it before they hear of the map.

use std::time::Duration;

use nexus_cluster::NodeId;
use nexus_cluster::raft::{Body, Message};
use nexus_cluster::shard::ShardId;
use nexus_cluster::wire::Content;
use nexus_node::group_of;

use crate::hostile;
use crate::net::Net;

/// Whether a node votes for one that has nothing but the beginning of a shard's log.
fn votes_against_its_promise(net: &mut Net, node: usize, shard: ShardId) -> bool {
    let group = group_of(shard);
    net.said = Some(Vec::new());
    net.frame(node, hostile::vote_of(NodeId(node as u64 + 1), group, 200, (1, 1)));
    net.run_for(Duration::from_millis(50));
    let said = net.said.take().expect("it was listened to");
    let grants = |content: &Content| {
        matches!(content, Content::Raft(Message { body: Body::Voted { granted: true }, .. }))
    };
    said.iter().any(|(who, of, content)| *who == node && *of == group && grants(content))
}

#[test]
fn who_left_and_hears_of_the_group_before_the_map_is_not_founded_anew() {
    let mut net = Net::growing(6, 3, 8);
    net.run_for(Duration::from_secs(10));
    (3..6).for_each(|node| net.start(node));
    net.run_for(Duration::from_secs(30));
    let mut asked = Vec::new();
    for node in 0..3 {
        for shard in net.left(node) {
            net.kill(node);
            net.cut_off(node, true);
            net.start(node);
            assert_eq!(net.map_of(node).shards().len(), 1, "its map is the one of the beginning");
            // A candidate of long ago.
            net.frame(node, hostile::vote_of(NodeId(node as u64 + 1), group_of(shard), 1, (1, 1)));
            net.run_for(Duration::from_millis(50));
            // Then the log of the map goes by, with all that has been new in it once.
            // It is asked before it has asked itself whether it counts, and could leave again.
            net.cut_off(node, false);
            net.run_for(Duration::from_secs(1));
            assert_eq!(net.map_of(node).shards().len(), 8);
            assert!(!votes_against_its_promise(&mut net, node, shard), "{node} in {shard}");
            net.run_for(Duration::from_secs(3));
            asked.push(shard);
        }
    }
    // One that the first map names, and some that it does not know.
    assert!(asked.contains(&ShardId(0)) && asked.len() > 3, "{asked:?}");
}
