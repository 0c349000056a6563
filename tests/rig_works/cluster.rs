//! A cluster: its slots move, its primaries die, and it stays one.

use std::time::Duration;

use redis::{RedisResult, cluster::ClusterClient, cluster_async::ClusterConnection};

use crate::rig::{Fault, RedisCluster, RedisServer};

async fn connect(cluster: &RedisCluster) -> ClusterConnection {
    let patience = Duration::from_secs(30);
    let patient = ClusterClient::builder(cluster.urls());
    let patient = patient.connection_timeout(patience).response_timeout(patience);
    patient.build().unwrap().get_async_connection().await.unwrap()
}

/// One of a hundred counters, spread over all slots.
async fn increment(connection: &mut ClusterConnection, number: u32) -> RedisResult<u64> {
    redis::cmd("INCR").arg(format!("count-{number}")).query_async(connection).await
}

async fn increment_all(connection: &mut ClusterConnection, expected: u64) {
    for number in 0..100 {
        assert_eq!(increment(connection, number).await.unwrap(), expected);
    }
}

fn keys(cluster: &RedisCluster, node: usize) -> usize {
    cluster.node(node).command(&["DBSIZE"])
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_move_with_their_keys_while_clients_go_on() {
    let cluster = RedisCluster::start_with(RedisServer::builder().password("s3cret"));
    assert_eq!([0, 8000, 16_383].map(|slot| cluster.primary_of(slot)), [0, 1, 2]);
    let mut connection = connect(&cluster).await;
    increment_all(&mut connection, 1).await;
    let before = [0, 1, 2].map(|node| keys(&cluster, node));
    assert_eq!(before.iter().sum::<usize>(), 100);

    std::thread::scope(|scope| {
        let moving = scope.spawn(|| cluster.move_slots(0..=1999, 0, 1));
        let mut expected = 2;
        tokio::task::block_in_place(|| {
            while !moving.is_finished() {
                tokio::runtime::Handle::current().block_on(increment_all(&mut connection, expected));
                expected += 1;
            }
        });
        assert!(expected > 3, "nobody worked meanwhile");
    });
    assert_eq!([0, 1999, 2000].map(|slot| cluster.primary_of(slot)), [1, 1, 0]);
    let after = [0, 1, 2].map(|node| keys(&cluster, node));
    assert!(after[0] < before[0], "no key was in these slots");
    assert_eq!(after, [after[0], before[0] - after[0] + before[1], before[2]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_on_its_way_is_asked_for() {
    let cluster = RedisCluster::start();
    let slot = cluster.slot("{x}");
    let from = cluster.primary_of(slot);
    let to = (from + 1) % 3;
    let code = |node: usize, key: &str| {
        let error = cluster.node(node).try_command::<()>(&["INCR", key]).unwrap_err();
        error.code().map(str::to_owned)
    };
    let () = cluster.node(from).command(&["SET", "{x}1", "1"]);
    assert_eq!(code(to, "{x}1").as_deref(), Some("MOVED"));

    cluster.announce_move(slot, from, to);
    assert_eq!(cluster.node(from).command::<u64>(&["INCR", "{x}1"]), 2);
    assert_eq!(code(from, "{x}2").as_deref(), Some("ASK"), "there is no such key yet");

    cluster.carry_keys(slot, from, to);
    assert_eq!(code(from, "{x}1").as_deref(), Some("ASK"));
    let mut connection = connect(&cluster).await;
    let count: u64 = redis::cmd("INCR").arg("{x}1").query_async(&mut connection).await.unwrap();
    assert_eq!(count, 3);

    cluster.move_slots(slot..=slot, from, to);
    assert_eq!(cluster.primary_of(slot), to);
    assert_eq!(cluster.node(to).command::<u64>(&["INCR", "{x}1"]), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_over_for_a_primary() {
    let mut cluster = RedisCluster::start_with(RedisServer::builder().append_only());
    assert_eq!(cluster.primaries(), [0, 1, 2]);
    cluster.failover(0);
    assert_eq!(cluster.primaries(), [1, 2, 3]);
    cluster.wait_healthy();
    increment_all(&mut connect(&cluster).await, 1).await;
    cluster.wait_healthy();

    cluster.kill_primary(1);
    cluster.wait_healthy();
    assert_eq!(cluster.primaries(), [2, 3, 4]);
    increment_all(&mut connect(&cluster).await, 2).await;

    cluster.revive();
    cluster.wait_healthy();
    assert_eq!(cluster.primaries(), [2, 3, 4]);
    increment_all(&mut connect(&cluster).await, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_cluster_behind_proxies_go_through_them() {
    let mut cluster = RedisCluster::start_behind_proxies();
    let mut connection = connect(&cluster).await;
    increment_all(&mut connection, 1).await;
    let counted = |cluster: &RedisCluster, node: usize| {
        cluster.proxy(node).commands().iter().filter(|name| *name == "INCR").count()
    };
    assert_eq!((0..6).map(|node| counted(&cluster, node)).sum::<usize>(), 100);

    let slot = cluster.slot("count-7");
    let owner = cluster.primary_of(slot);
    let moved = Fault::moved(slot, cluster.nodes()[owner]);
    let hits = cluster.proxy(owner).next("INCR", moved);
    assert_eq!(increment(&mut connection, 7).await.unwrap(), 2);
    assert_eq!(hits.count(), 1);

    cluster.kill_primary(owner);
    cluster.wait_healthy();
    cluster.revive();
    cluster.wait_healthy();
    let replica = cluster.primary_of(slot);
    assert_ne!(replica, owner);
    cluster.proxy(replica).reset();
    assert_eq!(increment(&mut connect(&cluster).await, 7).await.unwrap(), 3);
    assert_eq!(counted(&cluster, replica), 1);
}
