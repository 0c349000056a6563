//! A real PostgreSQL on a free loopback port: [`PostgresServer`].

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use super::{
    folder::Folder,
    port::Port,
    postgres_programs::{self as programs, INSTALL, children, create, give_away, program, signal},
    process::Process,
    tls::Certificates,
    wait::until,
};

/// How often a port is tried that somebody else took in between.
const ATTEMPTS: usize = 5;

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
    /// Where its write-ahead log is, if not beside its data.
    log_folder: Option<PathBuf>,
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

    /// Puts its write-ahead log, in files of one megabyte, into a new folder under this one.
    pub(crate) fn log_under(mut self, folder: &Path) -> Self {
        self.log_folder = Some(folder.join("log"));
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
        programs::kill(&mut self.process);
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
        self.process = programs::run(&self.folder);
        assert!(self.comes_up(), "somebody else took port {}:\n{}", self.port.number(), self.process.log());
    }

    /// Puts tables that are made from now on into a folder under this one.
    #[track_caller]
    pub(crate) fn put_tables_under(&self, folder: &Path) {
        let folder = folder.join("tables");
        fs::create_dir(&folder).expect("it is writable");
        give_away(&folder);
        self.sql(&format!("CREATE TABLESPACE elsewhere LOCATION '{}'", folder.display()));
        self.sql("ALTER DATABASE postgres SET default_tablespace = elsewhere");
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
        let process = programs::run(&folder);
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

/// Makes the folder ready for a first start.
#[track_caller]
fn prepare(options: &Builder, folder: &Folder, port: &Port, certificates: Option<&Certificates>) {
    let data = folder.join("data");
    match options.primary {
        None => {
            let log = options.log_folder.iter().map(|folder| format!("--waldir={}", folder.display()));
            let log: Vec<_> =
                log.chain(options.log_folder.iter().map(|_| "--wal-segsize=1".to_owned())).collect();
            let data = format!("--pgdata={}", data.display());
            let arguments = [&data, "--username=postgres", "--auth=trust", "--no-sync"].into_iter();
            create(&arguments.chain(log.iter().map(String::as_str)).collect::<Vec<_>>(), "initdb");
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
         shared_buffers = 16MB\nhot_standby = on\nmax_wal_size = 256MB\ndynamic_shared_memory_type = mmap\n",
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
