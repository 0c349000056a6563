//! Each fault of the proxy does what it says, as a client of a real server sees it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, AsyncTypedCommands as _, ErrorKind, PushKind, RedisError, RedisResult,
    ServerErrorKind, aio::MultiplexedConnection,
};
use tokio::{
    sync::mpsc::unbounded_channel,
    time::{error::Elapsed, timeout},
};

use crate::{
    client::{connect, patient},
    rig::{Fault, Proxy, RedisServer, eventually, proxy::ANY},
};

/// Long enough for a reply that comes to have come.
const A_WHILE: Duration = Duration::from_millis(150);

/// A server with `a` = 1, `b` = 2 and `c` = 3, a proxy before it, and a connection through that.
struct Scene {
    server: RedisServer,
    proxy: Proxy,
    connection: MultiplexedConnection,
}

impl Scene {
    async fn new() -> Self {
        let server = RedisServer::start();
        let () = server.command(&["MSET", "a", "1", "b", "2", "c", "3"]);
        let proxy = Proxy::before(server.address());
        let connection = connect(proxy.url()).await.unwrap();
        proxy.reset();
        Self { server, proxy, connection }
    }

    async fn get(&self, key: &str) -> RedisResult<Option<String>> {
        self.connection.clone().get(key).await
    }

    /// What two commands on one connection get that are sent one right after the other.
    async fn get_both(&self, one: &str, other: &str) -> (Option<String>, Option<String>) {
        let (one, other) = tokio::join!(self.get(one), self.get(other));
        (one.unwrap(), other.unwrap())
    }

    async fn increment(&self) -> RedisResult<u64> {
        redis::cmd("INCR").arg("a").query_async(&mut self.connection.clone()).await
    }

    /// The value of `a`, as the server itself says.
    fn a(&self) -> u64 {
        self.server.command(&["GET", "a"])
    }

    /// A client that comes back finds everything as it should be.
    async fn recovers(&self) {
        let mut connection = connect(self.proxy.url()).await.unwrap();
        assert_eq!(connection.get("b").await.unwrap(), text("2"));
    }
}

async fn in_a_while<T>(work: impl Future<Output = T>) -> Result<T, Elapsed> {
    timeout(A_WHILE, work).await
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn broken<T: std::fmt::Debug>(result: RedisResult<T>) -> RedisError {
    let error = result.unwrap_err();
    assert!(error.is_unrecoverable_error(), "{error:?}");
    error
}

#[tokio::test]
async fn without_a_fault_nothing_happens() {
    let scene = Scene::new().await;
    assert_eq!(scene.get_both("a", "b").await, (text("1"), text("2")));
}

#[tokio::test]
async fn a_delayed_reply_comes_late_and_the_next_behind_it() {
    let scene = Scene::new().await;
    let hits = scene.proxy.next("INCR", Fault::Delay(A_WHILE * 6));
    let both = async { tokio::join!(scene.increment(), scene.get("b")) };
    tokio::pin!(both);
    in_a_while(&mut both).await.unwrap_err();
    assert_eq!(scene.a(), 2, "it is executed at once");
    assert_eq!(hits.count(), 1);

    let (one, other) = both.await;
    assert_eq!((one.unwrap(), other.unwrap()), (2, text("2")));
}

#[tokio::test]
async fn a_command_dropped_before_has_no_effect() {
    let scene = Scene::new().await;
    scene.proxy.next("INCR", Fault::DropBefore);
    broken(scene.increment().await);
    assert_eq!(scene.a(), 1);
    scene.recovers().await;
}

#[tokio::test]
async fn a_command_dropped_after_has_its_effect() {
    let scene = Scene::new().await;
    scene.proxy.next("INCR", Fault::DropAfter);
    broken(scene.increment().await);
    assert_eq!(scene.a(), 2);
    scene.recovers().await;
}

/// Sends a request without a client's cleverness, and returns what comes until the connection ends, and how it ends.
fn raw(proxy: &Proxy, request: &str) -> (String, std::io::Result<usize>) {
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = Vec::new();
    let end = stream.read_to_end(&mut reply);
    (String::from_utf8(reply).unwrap(), end)
}

#[tokio::test]
async fn a_reset_leaves_half_a_reply() {
    let scene = Scene::new().await;
    scene.proxy.next_n(2, "GET", Fault::ResetMidReply);
    let (reply, end) = raw(&scene.proxy, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
    assert_eq!(reply, "$1\r");
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    broken(scene.get("a").await);
    scene.recovers().await;
}

#[tokio::test]
async fn swapped_replies_go_to_the_wrong_callers() {
    let scene = Scene::new().await;
    scene.proxy.next("GET", Fault::Swap);
    assert_eq!(scene.get_both("a", "b").await, (text("2"), text("1")));
    assert_eq!(scene.get("c").await.unwrap(), text("3"));
}

#[tokio::test]
async fn a_duplicated_reply_shifts_those_that_follow() {
    let scene = Scene::new().await;
    scene.proxy.next("GET", Fault::Duplicate);
    let (a, b, c) = tokio::join!(scene.get("a"), scene.get("b"), scene.get("c"));
    assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), (text("1"), text("1"), text("2")));
    scene.recovers().await;
}

#[tokio::test]
async fn an_injected_error_keeps_the_command_from_the_server() {
    let errors = [
        (Fault::read_only(), ServerErrorKind::ReadOnly),
        (Fault::loading(), ServerErrorKind::BusyLoading),
        (Fault::no_script(), ServerErrorKind::NoScript),
        (Fault::cluster_down(), ServerErrorKind::ClusterDown),
        (Fault::moved(7, "127.0.0.1:1"), ServerErrorKind::Moved),
        (Fault::ask(7, "127.0.0.1:1"), ServerErrorKind::Ask),
    ];
    let scene = Scene::new().await;
    for (fault, kind) in errors {
        scene.proxy.next("INCR", fault);
        assert_eq!(scene.increment().await.unwrap_err().kind(), ErrorKind::Server(kind));
    }
    scene.proxy.next("INCR", Fault::out_of_memory());
    assert_eq!(scene.increment().await.unwrap_err().code(), Some("OOM"));
    scene.proxy.next("INCR", Fault::error("MINE just so"));
    assert_eq!(scene.increment().await.unwrap_err().code(), Some("MINE"));
    assert_eq!(scene.a(), 1);
}

#[tokio::test]
async fn an_injected_reply_keeps_its_place_among_the_others() {
    let scene = Scene::new().await;
    scene.proxy.next("ECHO", Fault::Reply(b"$4\r\nmine\r\n".to_vec()));
    let mut pipeline = redis::pipe();
    pipeline.get("a").cmd("ECHO").arg("hello").get("b");
    let replies: [String; 3] = pipeline.query_async(&mut scene.connection.clone()).await.unwrap();
    assert_eq!(replies, ["1", "mine", "2"]);
}

#[tokio::test]
async fn a_swallowed_command_has_no_reply_and_no_effect() {
    let scene = Scene::new().await;
    scene.proxy.next("INCR", Fault::Swallow);
    in_a_while(scene.increment()).await.unwrap_err();
    assert_eq!(scene.a(), 1);
    assert_eq!(scene.proxy.open_connections(), 1);
    scene.recovers().await;
}

#[tokio::test]
async fn a_stalled_connection_says_nothing_any_more() {
    let scene = Scene::new().await;
    scene.proxy.next("INCR", Fault::Stall);
    in_a_while(scene.increment()).await.unwrap_err();
    assert_eq!(scene.a(), 2);
    let (one, other) = tokio::join!(in_a_while(scene.get("a")), in_a_while(scene.get("b")));
    one.unwrap_err();
    other.unwrap_err();
    assert_eq!(scene.proxy.open_connections(), 1);
    scene.recovers().await;
}

#[tokio::test]
async fn a_trickled_reply_arrives_bit_by_bit_and_whole() {
    let scene = Scene::new().await;
    let long = "x".repeat(20_000);
    let () = scene.server.command(&["SET", "long", &long]);
    scene.proxy.next("GET", Fault::Trickle);
    assert_eq!(scene.get_both("long", "b").await, (Some(long.clone()), text("2")));

    scene.proxy.next("GET", Fault::Trickle);
    let mut stream = TcpStream::connect(scene.proxy.address()).unwrap();
    stream.write_all(b"*2\r\n$3\r\nGET\r\n$4\r\nlong\r\n").unwrap();
    let (mut received, mut reads, mut buffer) = (0, 0, [0; 32_768]);
    while received < "$20000\r\n\r\n".len() + long.len() {
        received += stream.read(&mut buffer).unwrap();
        reads += 1;
    }
    assert!(reads > 10, "it came in {reads} parts");
}

#[tokio::test]
async fn held_commands_wait_until_it_heals() {
    let scene = Scene::new().await;
    scene.proxy.hold();
    let increment = scene.increment();
    tokio::pin!(increment);
    in_a_while(&mut increment).await.unwrap_err();
    in_a_while(connect(scene.proxy.url())).await.map(drop).unwrap_err();
    assert_eq!(scene.a(), 1);

    scene.proxy.heal();
    assert_eq!(increment.await.unwrap(), 2);
    scene.recovers().await;
}

#[tokio::test]
async fn held_replies_wait_until_it_heals() {
    let scene = Scene::new().await;
    let () = scene.server.command(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    let increment = scene.increment();
    tokio::pin!(increment);
    in_a_while(&mut increment).await.unwrap_err();
    assert_eq!(scene.proxy.commands(), ["INCR"], "it has passed");

    scene.proxy.hold();
    let () = scene.server.command(&["CLIENT", "UNPAUSE"]);
    in_a_while(&mut increment).await.unwrap_err();
    assert_eq!(scene.a(), 2);
    scene.proxy.heal();
    assert_eq!(increment.await.unwrap(), 2);
}

#[tokio::test]
async fn a_replica_behind_a_held_proxy_falls_back() {
    let scene = Scene::new().await;
    let port = scene.proxy.address().port();
    let replica = RedisServer::builder().option("replicaof", &format!("127.0.0.1 {port}")).start();
    let a = || replica.command::<Option<u64>>(&["GET", "a"]);
    eventually("it is copied", async || a() == Some(1)).await;

    scene.proxy.hold();
    let () = scene.server.command(&["SET", "a", "2"]);
    in_a_while(std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(a(), Some(1));
    scene.proxy.heal();
    eventually("it follows again", async || a() == Some(2)).await;
}

#[tokio::test]
async fn killed_connections_are_closed_and_new_ones_welcome() {
    let scene = Scene::new().await;
    scene.proxy.kill_connections();
    assert_eq!(scene.proxy.open_connections(), 0);
    broken(scene.get("a").await);
    scene.recovers().await;
}

#[tokio::test]
async fn refused_connections_are_refused_and_open_ones_stay() {
    let scene = Scene::new().await;
    for _ in 0..2 {
        scene.proxy.refuse();
        let error = connect(scene.proxy.url()).await.map(drop).unwrap_err();
        assert!(error.is_connection_refusal(), "{error:?}");
        assert_eq!(scene.get("a").await.unwrap(), text("1"));

        scene.proxy.accept();
        connect(scene.proxy.url()).await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_server_is_a_closed_connection() {
    let mut scene = Scene::new().await;
    scene.server.kill();
    broken(scene.get("a").await);
    connect(scene.proxy.url()).await.map(drop).unwrap_err();
    scene.server.restart();
    let () = scene.server.command(&["SET", "b", "2"]);
    scene.recovers().await;
}

#[tokio::test]
async fn a_fault_happens_as_often_as_it_was_told_to() {
    let scene = Scene::new().await;
    let twice = scene.proxy.next_n(2, "get", Fault::error("ONE"));
    let always = scene.proxy.always("GET", Fault::error("TWO"));
    for code in ["ONE", "ONE", "TWO", "TWO", "TWO"] {
        assert_eq!(scene.get("a").await.unwrap_err().code(), Some(code));
    }
    assert_eq!((twice.count(), always.count()), (2, 3));
    scene.proxy.clear();
    assert_eq!(scene.get("a").await.unwrap(), text("1"));
}

#[tokio::test]
async fn a_fault_of_any_command_spares_those_that_set_a_connection_up() {
    let scene = Scene::new().await;
    scene.proxy.always(ANY, Fault::error("ANY"));
    let mut connection = connect(scene.proxy.url()).await.unwrap();
    assert_eq!(connection.ping().await.unwrap(), "PONG");
    assert_eq!(connection.get("a").await.unwrap_err().code(), Some("ANY"));
    assert_eq!(connection.del("a").await.unwrap_err().code(), Some("ANY"));
}

#[tokio::test]
async fn a_fault_can_be_of_a_subcommand() {
    let scene = Scene::new().await;
    scene.proxy.always("CLIENT GETNAME", Fault::error("ONE"));
    scene.proxy.always("CLIENT", Fault::error("OTHER"));
    for (subcommand, code) in [("GETNAME", "ONE"), ("ID", "OTHER")] {
        let mut command = redis::cmd("CLIENT");
        let reply = command.arg(subcommand).query_async::<()>(&mut scene.connection.clone()).await;
        assert_eq!(reply.unwrap_err().code(), Some(code));
    }
}

#[tokio::test]
async fn pushes_arrive_and_take_nobodys_reply() {
    let scene = Scene::new().await;
    let (pushes, mut pushed) = unbounded_channel();
    let client = redis::Client::open(scene.proxy.url() + "?protocol=resp3").unwrap();
    let config = patient().set_push_sender(pushes);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    redis::cmd("CLIENT").arg(&["TRACKING", "ON"]).query_async::<()>(&mut connection).await.unwrap();
    connection.subscribe("news").await.unwrap();
    assert_eq!(connection.get("b").await.unwrap(), text("2"));

    // It waits at the server while pushes come by.
    let mut waiting = redis::cmd("BLPOP");
    let waiting = waiting.arg(&["list", "0"]).query_async::<[String; 2]>(&mut connection);
    let meanwhile = async {
        eventually("it waits", async || scene.server.info("blocked_clients").as_deref() == Some("1")).await;
        let () = scene.server.command(&["SET", "b", "2"]);
        let () = scene.server.command(&["PUBLISH", "news", "hello"]);
        for expected in [PushKind::Subscribe, PushKind::Invalidate, PushKind::Message] {
            assert_eq!(pushed.recv().await.unwrap().kind, expected);
        }
        scene.server.command::<()>(&["RPUSH", "list", "item"]);
    };
    assert_eq!(tokio::join!(waiting, meanwhile).0.unwrap(), ["list", "item"]);

    let [.., get, waited] = &*scene.proxy.seen() else { panic!("nothing was seen") };
    assert_eq!(get.reply_bytes, "$1\r\n2\r\n".len());
    assert_eq!(waited.reply_bytes, "*2\r\n$4\r\nlist\r\n$4\r\nitem\r\n".len());
}

#[tokio::test]
async fn an_overtaken_reply_comes_after_the_next_push() {
    let scene = Scene::new().await;
    let (pushes, mut pushed) = unbounded_channel();
    let client = redis::Client::open(scene.proxy.url() + "?protocol=resp3").unwrap();
    let config = AsyncConnectionConfig::new().set_push_sender(pushes).set_response_timeout(None);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    redis::cmd("CLIENT").arg(&["TRACKING", "ON"]).query_async::<()>(&mut connection).await.unwrap();

    scene.proxy.next("GET", Fault::Overtaken);
    let mut other = connection.clone();
    let both = async { tokio::join!(connection.get("b"), other.get("c")) };
    tokio::pin!(both);
    in_a_while(&mut both).await.unwrap_err();
    let () = scene.server.command(&["SET", "b", "9"]);
    let (b, c) = both.await;
    assert_eq!((b.unwrap(), c.unwrap()), (text("2"), text("3")));
    assert_eq!(pushed.try_recv().unwrap().kind, PushKind::Invalidate);
}

#[test]
fn a_proxy_is_gone_with_its_handle() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.address());
    let address = proxy.address();
    let mut connection = redis::Client::open(proxy.url()).unwrap().get_connection().unwrap();
    assert_eq!(redis::cmd("PING").query::<String>(&mut connection).unwrap(), "PONG");

    drop(proxy);
    TcpStream::connect(address).unwrap_err();
    redis::cmd("PING").query::<String>(&mut connection).unwrap_err();
}
