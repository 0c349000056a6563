//! One server, in every form: it starts, dies, comes back, and is gone in the end.

use std::{
    env,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use crate::rig::{RedisServer, until};

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

fn set(server: &RedisServer, key: &str, value: &str) {
    let () = server.command(&["SET", key, value]);
}

fn get(server: &RedisServer, key: &str) -> Option<String> {
    server.command(&["GET", key])
}

#[test]
fn a_server_is_gone_with_its_handle() {
    let server = RedisServer::start();
    let address = server.address();
    assert!(listens(address));
    drop(server);
    assert!(!listens(address));
}

#[test]
fn a_server_is_gone_after_a_panic() {
    let address = std::thread::spawn(|| {
        let server = RedisServer::start();
        std::panic::panic_any(server.address());
    })
    .join()
    .expect_err("it panicked");
    assert!(!listens(*address.downcast::<SocketAddr>().unwrap()));
}

/// Tells a copy of this test program to die.
const DIE: &str = "CLOAKROOM_RIG_DIES";

#[test]
fn a_server_is_gone_when_the_test_process_is_killed() {
    if env::var_os(DIE).is_some() {
        let server = RedisServer::start();
        let [_, folder]: [String; 2] = server.command(&["CONFIG", "GET", "dir"]);
        let report = format!("\naddress {}\nfolder {folder}\n", server.address());
        std::io::stdout().write_all(report.as_bytes()).unwrap();
        // As sudden as SIGKILL: nothing is unwound or dropped.
        std::process::abort();
    }
    let this_test = "servers::a_server_is_gone_when_the_test_process_is_killed";
    let copy = Command::new(env::current_exe().unwrap())
        .args(["--exact", this_test, "--nocapture"])
        .env(DIE, "yes")
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(!copy.status.success());
    let output = String::from_utf8(copy.stdout).unwrap();
    let reported =
        |what| output.lines().find_map(|line| line.strip_prefix(what)).expect("it started a server");
    until("the server is gone", || !listens(reported("address ").parse().unwrap()));
    until("its folder is gone", || !Path::new(reported("folder ")).exists());
}

#[test]
fn what_was_acknowledged_survives_a_kill_with_an_append_only_file() {
    let mut server = RedisServer::builder().append_only().start();
    let address = server.address();
    for round in 0..3 {
        set(&server, "key", &round.to_string());
        server.kill();
        assert!(!listens(address));
        server.restart();
        assert_eq!(server.address(), address);
        assert_eq!(get(&server, "key"), Some(round.to_string()));
    }
}

#[test]
fn without_a_file_a_restarted_server_is_empty() {
    let mut server = RedisServer::start();
    set(&server, "key", "value");
    server.restart();
    assert_eq!(get(&server, "key"), None);
}

#[test]
fn restart_empty_takes_the_file_away() {
    let mut server = RedisServer::builder().append_only().start();
    set(&server, "key", "value");
    server.restart_empty();
    assert_eq!(get(&server, "key"), None);
    set(&server, "key", "other");
    server.restart();
    assert_eq!(get(&server, "key").as_deref(), Some("other"));
}

#[test]
fn options_reach_the_server() {
    let server = RedisServer::builder().option("maxmemory", "2mb").start();
    assert_eq!(server.info("maxmemory").as_deref(), Some("2097152"));
}

#[test]
#[should_panic(expected = "Bad directive or wrong number of arguments")]
fn a_wrong_option_is_a_clear_failure() {
    RedisServer::builder().option("no-such-option", "1").start();
}

/// What a client gets that has only the address.
fn without_credentials(server: &RedisServer) -> String {
    let client = redis::Client::open(format!("redis://{}", server.address())).unwrap();
    let answer = client.get_connection().and_then(|mut it| redis::cmd("PING").query::<String>(&mut it));
    answer.unwrap_or_else(|error| error.to_string())
}

#[test]
fn a_password_is_asked_for() {
    let server = RedisServer::builder().password("s3cret").start();
    assert!(without_credentials(&server).contains("NOAUTH"));
    assert_eq!(server.url(), format!("redis://:s3cret@127.0.0.1:{}", server.port()));
    assert_eq!(server.command::<String>(&["ACL", "WHOAMI"]), "default");
}

#[test]
fn a_user_is_asked_for() {
    let server = RedisServer::builder().user("shop", "s3cret").start();
    assert!(without_credentials(&server).contains("NOAUTH"));
    assert_eq!(server.url(), format!("redis://shop:s3cret@127.0.0.1:{}", server.port()));
    assert_eq!(server.command::<String>(&["ACL", "WHOAMI"]), "shop");
}

#[test]
fn a_unix_socket_is_spoken_to() {
    let server = RedisServer::builder().unix_socket().user("shop", "s3cret").start();
    assert!(server.url().starts_with("redis+unix:///"));
    let clients: String = server.command(&["CLIENT", "LIST"]);
    assert!(clients.contains("redis.sock:0"), "{clients}");
}

#[test]
fn tls_is_spoken_and_nothing_else() {
    let server =
        RedisServer::builder().tls().password("s3cret").start_or_skip("a server of the rig with TLS");
    let Some(mut server) = server else { return };
    assert!(server.url().starts_with("rediss://:s3cret@127.0.0.1:"));
    assert!(server.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
    assert_ne!(without_credentials(&server), "PONG");

    let stranger = redis::Client::open(server.url()).unwrap().get_connection();
    assert!(stranger.is_err(), "its certificate is not one of the system's");

    server.restart_empty();
    assert_eq!(server.command::<String>(&["PING"]), "PONG");
}

#[test]
fn a_replica_copies_and_refuses_writes() {
    let primary = RedisServer::builder().user("shop", "s3cret").start();
    let replica = RedisServer::builder().user("shop", "s3cret").replica_of(&primary).start();
    until("the replica is one", || replica.has_caught_up_with(&primary));

    set(&primary, "key", "value");
    until("the value arrives", || replica.has_caught_up_with(&primary));
    assert_eq!(get(&replica, "key").as_deref(), Some("value"));
    let error = replica.try_command::<()>(&["SET", "key", "other"]).unwrap_err();
    assert_eq!(error.code(), Some("READONLY"));
}
