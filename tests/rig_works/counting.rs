//! What the proxy saw, and how it counts.

use redis::AsyncTypedCommands as _;

use crate::{
    client::connect,
    rig::{Proxy, RedisServer, eventually},
};

#[tokio::test]
async fn commands_are_listed_in_order() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.address());
    let mut connection = connect(proxy.url() + "/1").await.unwrap();
    connection.set("key", "value").await.unwrap();
    assert_eq!(connection.get("key").await.unwrap().as_deref(), Some("value"));
    let missing =
        redis::cmd("evalsha").arg(&["no such script", "0"]).query_async::<()>(&mut connection).await;
    assert_eq!(missing.unwrap_err().code(), Some("NOSCRIPT"));

    assert_eq!(proxy.commands(), ["SET", "GET", "EVALSHA"]);
    proxy.reset();
    assert!(proxy.seen().is_empty());
    connection.del("key").await.unwrap();
    assert_eq!(proxy.commands(), ["DEL"]);
}

#[tokio::test]
async fn what_sets_a_connection_up_is_seen_but_not_counted() {
    let server = RedisServer::builder().password("s3cret").start();
    let proxy = Proxy::before(server.address());
    let url = proxy.url().replace("//", "//:s3cret@") + "/1?protocol=resp3";
    connect(url).await.unwrap().ping().await.unwrap();

    let seen = proxy.seen();
    let names: Vec<_> = seen.iter().map(|seen| seen.command.name()).collect();
    for setup in ["HELLO", "SELECT", "CLIENT SETINFO", "PING"] {
        assert!(names.contains(&setup), "{setup} is not among {names:?}");
    }
    assert!(seen.iter().all(|seen| seen.command.is_setup()));
    assert!(proxy.commands().is_empty());
}

#[tokio::test]
async fn bytes_are_counted_each_way() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.address());
    let mut connection = connect(proxy.url()).await.unwrap();
    connection.set("key", "0123456789").await.unwrap();
    connection.get("key").await.unwrap();

    let [.., get] = &*proxy.seen() else { panic!("nothing was seen") };
    assert_eq!(get.request_bytes, "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n".len());
    assert_eq!(get.reply_bytes, "$10\r\n0123456789\r\n".len());
}

#[tokio::test]
async fn connections_are_counted() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.address());
    let connections = [connect(proxy.url()).await.unwrap(), connect(proxy.url()).await.unwrap()];
    assert_eq!(proxy.connections(), 2);
    assert_eq!(proxy.open_connections(), 2);

    drop(connections);
    eventually("they are closed", async || proxy.open_connections() == 0).await;
    assert_eq!(proxy.connections(), 2);
    proxy.reset();
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_pipeline_is_seen_command_by_command() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.address());
    let mut connection = connect(proxy.url()).await.unwrap();
    let mut pipeline = redis::pipe();
    pipeline.atomic().cmd("SET").arg("key").arg(1).cmd("INCR").arg("key");
    let replies: (String, u64) = pipeline.query_async(&mut connection).await.unwrap();
    assert_eq!(replies, ("OK".to_owned(), 2));
    assert_eq!(proxy.commands(), ["MULTI", "SET", "INCR", "EXEC"]);
}
