//! A real PostgreSQL on a free loopback port: [`PostgresServer`].

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use super::{folder::Folder, port::Port, process::Process, tls::Certificates, wait::until};

/// How often a port is tried that somebody else took in between.
const ATTEMPTS: usize = 5;

/// Where Debian has the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// One `postgres` with a superuser of that name, who needs no password unless an option says otherwise.
///
/// ```ignore
/// let mut server = PostgresServer::start();
/// let store = PostgresStore::from_url(&server.url()).unwrap();
/// server.kill();
/// server.restart();
/// ```
#[derive(Debug)]
pub(crate) struct PostgresServer {
    process: Process,
    folder: Folder,
    port: Port,
    options: Builder,
    certificates: Option<Certificates>,
}

/// What kind of server it shall be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Builder {
    lines: Vec<String>,
    tls: bool,
    /// What `pg_hba.conf` says for everybody who comes by TCP.
    method: Option<&'static str>,
    /// A server to follow.
    primary: Option<SocketAddr>,
}

impl Builder {
    /// A line of `postgresql.conf`.
    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.lines.push(format!("{name} = '{value}'"));
        self
    }

    /// Lets nobody in but by TLS.
    pub(crate) fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// How users show who they are, like `scram-sha-256`.
    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Makes it a hot standby: it has all that the other one has, and takes no writes.
    pub(crate) fn standby_of(mut self, primary: &PostgresServer) -> Self {
        self.primary = Some(primary.address());
        self
    }

    /// Starts it, and returns when it answers.
    ///
    /// # Panics
    ///
    /// When the server is not installed or does not like an option; the message shows what it wrote.
    #[track_caller]
    pub(crate) fn start(self) -> PostgresServer {
        for _ in 0..ATTEMPTS {
            let mut server = PostgresServer::spawn(self.clone(), Port::reserve());
            if server.comes_up() {
                return server;
            }
        }
        panic!("{ATTEMPTS} ports in a row were taken by others");
    }
}

impl PostgresServer {
    /// A server as it is after `initdb`.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Self::builder().start()
    }

    /// A server of your choice.
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens, like `127.0.0.1:11000`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The folder of its Unix socket, as a URL contains it.
    pub(crate) fn socket_folder(&self) -> String {
        self.folder.path().display().to_string().replace('/', "%2F")
    }

    /// The URL of its database, for the superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address())
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

    /// Runs statements as the superuser, and returns what they print: a line for each row, with `|` between the columns.
    ///
    /// # Panics
    ///
    /// When the server is not there, or refuses one.
    #[track_caller]
    pub(crate) fn sql(&self, statements: &str) -> String {
        let output = self.psql(statements);
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints UTF-8").trim_end().to_owned()
    }

    /// Begins statements as the superuser, which end when what is returned is dropped.
    #[track_caller]
    pub(crate) fn begin(&self, statements: &str) -> Begun {
        let child = self.client(statements).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Begun(child.unwrap_or_else(|error| panic!("psql: {error}; {INSTALL}")))
    }

    fn psql(&self, statements: &str) -> Output {
        self.client(statements).output().unwrap_or_else(|error| panic!("psql: {error}; {INSTALL}"))
    }

    fn client(&self, statements: &str) -> Command {
        let mut command = Command::new(program("psql"));
        command
            .env("PGOPTIONS", "-c default_transaction_read_only=off")
            // By its Unix socket, where the superuser needs neither password nor certificate.
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"])
            .arg(self.folder.path())
            .args(["-p", &self.port.number().to_string(), "-c", statements]);
        command
    }

    /// Kills it with `SIGKILL`, all processes of it at once, as if the machine had lost its power but not its disk. Its port stays
    /// reserved and its folder as it is.
    pub(crate) fn kill(&mut self) {
        let main = self.process.number();
        // Else it would begin to repair itself as soon as the first of the others is gone.
        signal("STOP", &[main]);
        signal("KILL", &children(main));
        self.process.kill();
    }

    /// Stops all of its processes, as if it was far too busy: connections stay, and nothing answers.
    pub(crate) fn pause(&self) {
        let main = self.process.number();
        signal("STOP", &[main]);
        signal("STOP", &children(main));
    }

    /// Ends the pause.
    pub(crate) fn resume(&self) {
        let main = self.process.number();
        signal("CONT", &children(main));
        signal("CONT", &[main]);
    }

    /// Kills it, if it still runs, and starts it on the same port with what is in its folder. Returns when it answers.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = run(&self.folder);
        assert!(self.comes_up(), "somebody else took port {}:\n{}", self.port.number(), self.process.log());
    }

    /// Makes a standby a primary.
    #[track_caller]
    pub(crate) fn promote(&self) {
        assert_eq!(self.sql("SELECT pg_promote()"), "t");
    }

    /// What it wrote to its log, from all its lives.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    #[track_caller]
    fn spawn(options: Builder, port: Port) -> Self {
        let folder = Folder::in_memory();
        let certificates = options.tls.then(Certificates::for_loopback);
        give_away(folder.path());
        prepare(&options, &folder, &port, certificates.as_ref());
        let process = run(&folder);
        Self { process, folder, port, options, certificates }
    }

    /// Waits until it answers; whether it does, or its port was taken.
    #[track_caller]
    fn comes_up(&mut self) -> bool {
        let mut ended = false;
        until("postgres answers", || {
            ended = self.process.ended().is_some();
            ended || self.psql("SELECT 1").status.success()
        });
        let log = self.log();
        let is_taken = ended && log.contains("Address already in use");
        assert!(!ended || is_taken, "postgres ended:\n{log}");
        !ended
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Statements that are under way.
#[derive(Debug)]
pub(crate) struct Begun(Child);

impl Drop for Begun {
    fn drop(&mut self) {
        // As Ctrl-C does: the statement is cancelled, rather than left to the server.
        signal("INT", &[self.0.id()]);
        let _ = self.0.wait();
    }
}

const INSTALL: &str = "these tests need PostgreSQL (on Debian and Ubuntu: apt-get install postgresql)";

/// Where a program of the newest version is.
pub(super) fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let number =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    match versions.max_by_key(number) {
        Some(version) => version.join("bin").join(name),
        None => name.into(),
    }
}

/// The user that the server runs as if we are root, as which it refuses to run.
fn other_user() -> Option<[u32; 2]> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let line = line.unwrap_or_else(|| panic!("there is no user postgres; {INSTALL}"));
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().expect("it is a number"));
    Some([(); 2].map(|()| numbers.next().expect("a user has two numbers")))
}

/// Lets the server's user write there.
pub(super) fn give_away(path: &Path) {
    if let Some([user, group]) = other_user() {
        chown(path, Some(user), Some(group)).expect("we are root");
    }
}

/// A program and its arguments, run as the server's user.
pub(super) fn unprivileged(program: &Path) -> Vec<String> {
    let mut words = match other_user() {
        None => vec![],
        Some([user, group]) => vec![
            "setpriv".to_owned(),
            format!("--reuid={user}"),
            format!("--regid={group}"),
            "--clear-groups".to_owned(),
        ],
    };
    words.push(program.display().to_string());
    words
}

fn children(of: u32) -> Vec<u32> {
    let path = format!("/proc/{of}/task/{of}/children");
    let numbers = fs::read_to_string(path).unwrap_or_default();
    numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Sends a signal to processes, of which some may have ended.
fn signal(name: &str, processes: &[u32]) {
    if !processes.is_empty() {
        let numbers = processes.iter().map(u32::to_string);
        let _ = Command::new("kill").args(["-s", name, "--"]).args(numbers).output();
    }
}

/// Makes the folder ready for a first start.
#[track_caller]
fn prepare(options: &Builder, folder: &Folder, port: &Port, certificates: Option<&Certificates>) {
    let data = folder.join("data");
    match options.primary {
        None => {
            create(&["--pgdata", &text(&data), "--username=postgres", "--auth=trust", "--no-sync"], "initdb");
        }
        Some(primary) => {
            let [host, number] = [primary.ip().to_string(), primary.port().to_string()];
            let from = ["--host", &host, "--port", &number, "--username=postgres", "--checkpoint=fast"];
            let into = ["--pgdata", &text(&data), "--write-recovery-conf", "--no-sync"];
            create(&[&from[..], &into[..]].concat(), "pg_basebackup");
        }
    }
    let mut lines = format!(
        "\nlisten_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\nmax_connections = 100\n\
         shared_buffers = 16MB\nhot_standby = on\nmax_wal_size = 256MB\n",
        port.number(),
        folder.path().display(),
    );
    for (name, pem, option) in certificates.into_iter().flat_map(|pem| {
        [
            ("ca.pem", &pem.authority, "ssl_ca_file"),
            ("server.pem", &pem.certificate, "ssl_cert_file"),
            ("server.key", &pem.key, "ssl_key_file"),
        ]
    }) {
        let path = folder.write(name, pem);
        give_away(&path);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
        lines += &format!("{option} = '{}'\n", path.display());
    }
    if options.tls {
        lines += "ssl = on\n";
    }
    lines += &options.lines.join("\n");
    append(&data.join("postgresql.conf"), &(lines + "\n"));
    let method = options.method.unwrap_or("trust");
    let kind = if options.tls { "hostssl" } else { "host" };
    let entries = format!(
        "local all all trust\n{kind} all all 127.0.0.1/32 {method}\nhost replication all 127.0.0.1/32 trust\n"
    );
    fs::write(data.join("pg_hba.conf"), entries).expect("the folder is ours");
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn append(path: &Path, lines: &str) {
    let file = fs::File::options().append(true).open(path);
    file.and_then(|mut file| io::Write::write_all(&mut file, lines.as_bytes())).expect("the folder is ours");
}

/// Runs a program that makes the folder of a server.
#[track_caller]
fn create(arguments: &[&str], name: &str) {
    let words = unprivileged(&program(name));
    let output = Command::new(&words[0]).args(&words[1..]).args(arguments).current_dir("/").output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}; {INSTALL}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Starts the process; it may still fail.
fn run(folder: &Folder) -> Process {
    let words = unprivileged(&program("postgres"));
    let data = text(&folder.join("data"));
    let arguments = words[1..].iter().map(String::as_str).chain(["-D", &data]);
    // Left behind by a process that was killed, whose number may be another's by now.
    let _ = fs::remove_file(folder.join("data/postmaster.pid"));
    Process::start(&words[0], arguments, folder)
}
