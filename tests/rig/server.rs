//! One server: Redis or Valkey.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use redis::{Client, ClientTlsConfig, Connection, FromRedisValue, RedisResult, TlsCertificates};

use super::{
    folder::Folder,
    port::Port,
    process::Process,
    program::{Failure, WithoutTls, redis_server},
    tls::Certificates,
    wait::until,
};

/// How long a command of the rig itself may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How many ports to try.
const ATTEMPTS: usize = 10;

/// A real Redis on a free loopback port, with a folder of its own. Dropped, it is killed and its folder removed.
///
/// ```ignore
/// let server = RedisServer::start();
/// let server = RedisServer::builder().append_only().option("maxmemory", "4mb").password("s3cret").start();
/// let _: () = server.command(&["SET", "key", "value"]);
/// server.kill();
/// server.restart();
/// ```
#[derive(Debug)]
pub(crate) struct RedisServer {
    // First, since fields are dropped in order and the folder is the process's.
    process: Process,
    folder: Folder,
    port: Port,
    options: Builder,
    certificates: Option<Certificates>,
}

/// How to start a [`RedisServer`]. Nothing is saved to disk unless an option says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Builder {
    role: Role,
    lines: Vec<String>,
    credentials: Option<Credentials>,
    durable: bool,
    unix_socket: bool,
    tls: bool,
    asks_clients: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Role {
    #[default]
    Server,
    Sentinel,
}

/// Without a user, the password is the default user's.
#[derive(Clone, Debug)]
struct Credentials {
    user: Option<String>,
    password: String,
}

impl Builder {
    /// Writes each change to disk before its reply is sent: what was acknowledged survives [`RedisServer::kill`].
    pub(crate) fn append_only(mut self) -> Self {
        self.durable = true;
        self.option("appendonly", "yes").option("appendfsync", "always")
    }

    /// Any line of `redis.conf`, with its value written as there.
    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name} {value}"));
        self
    }

    /// Asks everybody for this password.
    pub(crate) fn password(mut self, password: &str) -> Self {
        self.credentials = Some(Credentials { user: None, password: password.to_owned() });
        self
    }

    /// Lets in only this user, who may do everything.
    pub(crate) fn user(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some(Credentials { user: Some(user.to_owned()), password: password.to_owned() });
        self
    }

    /// Listens on a Unix socket too, which [`RedisServer::url`] then names.
    pub(crate) fn unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// Speaks only TLS, with a certificate of [`RedisServer::ca_pem`] for `localhost` and `127.0.0.1`.
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// As [`Builder::tls`], and lets in only clients with a certificate, such as [`RedisServer::client_pem`].
    pub(crate) fn tls_auth_clients(mut self) -> Self {
        self.asks_clients = true;
        self.tls()
    }

    /// Copies another server, and refuses writes.
    pub(crate) fn replica_of(self, primary: &RedisServer) -> Self {
        let address = format!("127.0.0.1 {}", primary.port());
        self.option("replicaof", &address).entering_with(primary.options.credentials.as_ref())
    }

    /// One of several that have the same credentials, each of which may come to copy another.
    pub(super) fn among_equals(self) -> Self {
        let own = self.credentials.clone();
        self.entering_with(own.as_ref())
    }

    /// Presents these to the server it copies.
    fn entering_with(self, credentials: Option<&Credentials>) -> Self {
        let Some(Credentials { user, password }) = credentials else { return self };
        let entering = self.option("masterauth", password);
        user.iter().fold(entering, |entering, user| entering.option("masteruser", user))
    }

    /// A process that watches over servers.
    pub(super) fn sentinel(mut self) -> Self {
        self.role = Role::Sentinel;
        self
    }

    /// Starts it, and returns when it answers.
    ///
    /// # Panics
    ///
    /// When the server is not installed or does not like an option; the message shows what it wrote.
    #[track_caller]
    pub(crate) fn start(self) -> RedisServer {
        self.try_start().unwrap_or_else(|without_tls| panic!("{without_tls}"))
    }

    /// As [`Builder::start`], for tests of TLS. If the server was built without TLS, this says on standard error that `what`
    /// is skipped, and returns nothing.
    #[track_caller]
    pub(crate) fn start_or_skip(self, what: &str) -> Option<RedisServer> {
        self.try_start().inspect_err(|without_tls| without_tls.skips(what)).ok()
    }

    #[track_caller]
    fn try_start(self) -> Result<RedisServer, WithoutTls> {
        for _ in 0..ATTEMPTS {
            let mut server = RedisServer::spawn(self.clone(), Port::reserve());
            match server.comes_up() {
                Ok(()) => return Ok(server),
                Err(Failure::PortTaken) => {}
                Err(Failure::WithoutTls) => return Err(WithoutTls),
            }
        }
        panic!("{ATTEMPTS} ports in a row were taken by others");
    }
}

impl RedisServer {
    /// A server that keeps everything in memory.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    /// A server of your choice.
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect, credentials included: `redis://`, `rediss://` or `redis+unix://`.
    pub(crate) fn url(&self) -> String {
        let credentials = self.options.credentials.as_ref();
        if self.options.unix_socket {
            let query = credentials.map(Credentials::as_query).unwrap_or_default();
            return format!("redis+unix://{}{query}", self.socket().display());
        }
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        let prefix = credentials.map(Credentials::as_authority).unwrap_or_default();
        format!("{scheme}://{prefix}{}", self.address())
    }

    /// Where it listens for TCP, like `127.0.0.1:11000`; with or without TLS.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The number of its port.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// The certificate of the authority to trust.
    ///
    /// # Panics
    ///
    /// When the server was started without [`Builder::tls`].
    #[track_caller]
    pub(crate) fn ca_pem(&self) -> &str {
        &self.certificates.as_ref().expect("the server was started with tls()").authority
    }

    /// A certificate that it accepts of a client, and its key.
    ///
    /// # Panics
    ///
    /// When the server was started without [`Builder::tls`].
    #[track_caller]
    pub(crate) fn client_pem(&self) -> [&str; 2] {
        let certificates = self.certificates.as_ref().expect("the server was started with tls()");
        [&certificates.certificate, &certificates.key]
    }

    /// A client that trusts its certificate and has its password.
    pub(crate) fn client(&self) -> Client {
        let client = match &self.certificates {
            None => Client::open(self.url()),
            Some(certificates) => {
                let root_cert = Some(certificates.authority.clone().into_bytes());
                let [client_cert, client_key] =
                    [&certificates.certificate, &certificates.key].map(|pem| pem.clone().into_bytes());
                let client_tls = Some(ClientTlsConfig { client_cert, client_key });
                Client::build_with_tls(self.url(), TlsCertificates { client_tls, root_cert })
            }
        };
        client.expect("the URL is one")
    }

    /// A connection that blocks, for several commands in a row.
    pub(crate) fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client().get_connection_with_timeout(TIMEOUT)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        Ok(connection)
    }

    /// Sends one command on a connection of its own and blocks until the reply.
    ///
    /// # Panics
    ///
    /// When the server is not there, or replies with an error.
    #[track_caller]
    pub(crate) fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        match self.try_command(words) {
            Ok(reply) => reply,
            Err(error) => panic!("{words:?} to {}: {error}", self.address()),
        }
    }

    /// As [`RedisServer::command`], errors included.
    pub(crate) fn try_command<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        redis::Cmd::new().arg(words).query(&mut self.connect()?)
    }

    /// One field of `INFO`, like `role` or `used_memory`.
    pub(crate) fn info(&self, field: &str) -> Option<String> {
        let info: String = self.try_command(&["INFO", "ALL"]).ok()?;
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        Some(value.to_owned())
    }

    /// Whether this replica has all that its primary had when this was asked.
    pub(crate) fn has_caught_up_with(&self, primary: &Self) -> bool {
        let offset = |server: &Self, field| server.info(field)?.parse::<u64>().ok();
        let Some(there) = offset(primary, "master_repl_offset") else { return false };
        self.info("master_link_status").as_deref() == Some("up")
            && offset(self, "slave_repl_offset").is_some_and(|here| here >= there)
    }

    /// Kills it with `SIGKILL`. Its port stays reserved and its folder as it is.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Lets it stand still with its connections open, until it is [resumed](Self::resume).
    pub(crate) fn pause(&self) {
        self.process.signal("STOP");
    }

    pub(crate) fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Kills it, if it still runs, and starts it on the same port with what is in its folder. Returns when it answers.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = run(&self.options, &self.folder);
        self.wait_ready();
    }

    /// As [`RedisServer::restart`], without its data.
    #[track_caller]
    pub(crate) fn restart_empty(&mut self) {
        self.kill();
        prepare(&self.options, &self.folder, &self.port, self.certificates.as_ref());
        self.restart();
    }

    /// Waits until it answers, with its data loaded.
    #[track_caller]
    pub(crate) fn wait_ready(&mut self) {
        assert!(self.comes_up().is_ok(), "somebody else took port {}:\n{}", self.port(), self.log());
    }

    /// What a sentinel needs to enter: options and their values.
    pub(super) fn sentinel_credentials(&self) -> Vec<(&'static str, &str)> {
        let Some(Credentials { user, password }) = &self.options.credentials else { return vec![] };
        let user = user.iter().map(|user| ("sentinel auth-user", user.as_str()));
        user.chain([("sentinel auth-pass", password.as_str())]).collect()
    }

    /// The words by which other servers bring it keys, as `MIGRATE` takes them.
    pub(super) fn migrate_words(&self) -> Vec<&str> {
        match &self.options.credentials {
            None => vec![],
            Some(Credentials { user: None, password }) => vec!["AUTH", password],
            Some(Credentials { user: Some(user), password }) => vec!["AUTH2", user, password],
        }
    }

    /// What it wrote to its log, from all its lives.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    fn spawn(options: Builder, port: Port) -> Self {
        let folder = if options.durable { Folder::on_disk() } else { Folder::in_memory() };
        let certificates = options.tls.then(Certificates::for_loopback);
        prepare(&options, &folder, &port, certificates.as_ref());
        let process = run(&options, &folder);
        Self { process, folder, port, options, certificates }
    }

    /// Waits until it answers or has ended.
    ///
    /// # Panics
    ///
    /// When it has ended for another reason than those that are expected.
    #[track_caller]
    fn comes_up(&mut self) -> Result<(), Failure> {
        let mut ended = false;
        until("redis-server answers", || {
            ended = self.process.ended().is_some();
            ended || self.try_command::<String>(&["PING"]).is_ok()
        });
        if !ended {
            return Ok(());
        }
        let log = self.log();
        Err(Failure::in_log(&log).unwrap_or_else(|| panic!("redis-server ended:\n{log}")))
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }
}

impl Credentials {
    /// What stands before the host in a URL.
    fn as_authority(&self) -> String {
        format!("{}:{}@", self.user.as_deref().unwrap_or_default(), self.password)
    }

    /// What stands behind the path of a Unix socket.
    fn as_query(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("user={user}&")).unwrap_or_default();
        format!("?{user}pass={}", self.password)
    }

    /// What it takes in `redis.conf`.
    fn as_lines(&self) -> String {
        match self {
            Self { user: None, password } => format!("requirepass {password}\n"),
            Self { user: Some(user), password } => {
                format!("user default off\nuser {user} on >{password} ~* &* +@all\n")
            }
        }
    }
}

/// Makes the folder ready for a first start: an empty place for data, certificates, `redis.conf`.
fn prepare(options: &Builder, folder: &Folder, port: &Port, certificates: Option<&Certificates>) {
    let data = folder.join("data");
    // At the very first start there is none.
    let _ = fs::remove_dir_all(&data);
    fs::create_dir(&data).expect("the folder is ours");

    // Without a file in between, a new replica's link is up, but it may be told what changes only a second later.
    let mut conf = match options.role {
        Role::Server => "save \"\"\nrepl-diskless-sync no\n".to_owned(),
        Role::Sentinel => String::new(),
    };
    conf += &format!("bind 127.0.0.1\ndir \"{}\"\n", data.display());
    conf += &listening(options, folder, port, certificates);
    conf += &options.credentials.as_ref().map(Credentials::as_lines).unwrap_or_default();
    for line in &options.lines {
        conf = conf + line + "\n";
    }
    folder.write("redis.conf", &conf);
}

/// Where the server listens, as lines of `redis.conf`.
fn listening(options: &Builder, folder: &Folder, port: &Port, certificates: Option<&Certificates>) -> String {
    let number = port.number();
    let asks = if options.asks_clients { "yes" } else { "no" };
    let mut lines = match certificates {
        None => format!("port {number}\n"),
        Some(pem) => format!(
            "port 0\ntls-port {number}\ntls-auth-clients {asks}\ntls-ca-cert-file \"{}\"\ntls-cert-file \"{}\"\n\
             tls-key-file \"{}\"\n",
            folder.write("ca.pem", &pem.authority).display(),
            folder.write("server.pem", &pem.certificate).display(),
            folder.write("server.key", &pem.key).display(),
        ),
    };
    if options.unix_socket {
        lines += &format!("unixsocket \"{}\"\n", folder.join("redis.sock").display());
    }
    lines
}

/// Starts the process; it may still fail.
fn run(options: &Builder, folder: &Folder) -> Process {
    let conf = folder.join("redis.conf");
    let mut arguments = vec![conf.as_os_str()];
    if options.role == Role::Sentinel {
        arguments.push("--sentinel".as_ref());
    }
    Process::start(redis_server(), arguments, folder)
}
