//! A primary, its replicas and its sentinels.

use std::net::TcpStream;

use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};

use crate::rig::{RedisSentinel, RedisServer};

/// Writes through whom the sentinels name, as a client does.
fn increment(rig: &RedisSentinel, password: Option<&str>) -> u64 {
    let mut sentinel = Sentinel::build(rig.urls()).unwrap();
    let mut primary = redis::RedisConnectionInfo::default();
    if let Some(password) = password {
        primary = primary.set_password(password);
    }
    let primary = SentinelNodeConnectionInfo::default().set_redis_connection_info(primary);
    let client = sentinel.master_for(RedisSentinel::NAME, Some(&primary)).unwrap();
    redis::cmd("INCR").arg("count").query(&mut client.get_connection().unwrap()).unwrap()
}

#[test]
fn clients_are_led_to_the_primary_through_failover_and_death() {
    let mut rig = RedisSentinel::start();
    assert_eq!(rig.addresses().len(), 3);
    let first = rig.primary_port();
    assert_eq!(increment(&rig, None), 1);

    rig.wait_healthy();
    rig.failover();
    let second = rig.primary_port();
    assert_ne!(second, first);
    rig.wait_healthy();
    assert_eq!(increment(&rig, None), 2);

    rig.wait_healthy();
    rig.kill_primary();
    TcpStream::connect(("127.0.0.1", second)).unwrap_err();
    rig.wait_healthy();
    assert_ne!(rig.primary_port(), second);
    assert_eq!(increment(&rig, None), 3);

    rig.revive();
    rig.wait_healthy();
    assert_eq!(increment(&rig, None), 4);
}

#[test]
fn all_servers_have_the_options_they_are_given() {
    let mut rig = RedisSentinel::start_with(RedisServer::builder().append_only().password("s3cret"));
    assert_eq!(increment(&rig, Some("s3cret")), 1);
    rig.wait_healthy();
    rig.failover();
    rig.wait_healthy();
    assert_eq!(increment(&rig, Some("s3cret")), 2);
    assert_eq!(rig.primary().info("aof_enabled").as_deref(), Some("1"));

    rig.kill_sentinel(0);
    assert_eq!(rig.addresses().len(), 2);
    assert_eq!(increment(&rig, Some("s3cret")), 3);
}
