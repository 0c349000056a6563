//! A proxy that stands before a server and understands enough of its protocol to count commands and to do harm.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `fault` | what can go wrong, and the rules that say when |
//! | `traffic` | commands by name, and the log of those that came by |
//! | `link` | one connection, both ways |
//! | `resp` | where a message ends |

mod fault;
mod link;
pub(crate) mod resp;
mod traffic;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

use super::{port::Port, wait::until};
use fault::Rules;
use traffic::{Serial, Traffic};

pub(crate) use fault::{ANY, Fault, Hits};
pub(crate) use traffic::{Command, Seen};

/// A running proxy, on a thread of its own. Dropped, it closes its port and all connections.
///
/// It speaks plain TCP, both versions of the protocol. Faults are for commands by name, like `GET`, `EVALSHA` or
/// `CLIENT TRACKING`; [`ANY`] is every command but those that set a connection up. Of several rules that are about one
/// command, the oldest that is not used up decides.
///
/// ```ignore
/// let proxy = Proxy::before(server.address());
/// proxy.next("EVALSHA", Fault::DropAfter);
/// let hits = proxy.always("GET", Fault::Delay(Duration::from_millis(50)));
/// // … work through proxy.url() …
/// assert_eq!(proxy.commands(), ["GET", "EVALSHA", "EVALSHA"]);
/// proxy.clear();
/// ```
#[derive(Debug)]
pub(crate) struct Proxy {
    port: Port,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle and the connections have in common.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    rules: Mutex<Rules>,
    traffic: Mutex<Traffic>,
    links: Mutex<Vec<AbortHandle>>,
    accepted: AtomicUsize,
    listening: AtomicBool,
    held: watch::Sender<bool>,
    door: watch::Sender<Door>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Door {
    Open,
    Shut,
    /// For good: the proxy ends.
    Gone,
}

impl Proxy {
    /// Stands before the server at this address.
    pub(crate) fn before(target: SocketAddr) -> Self {
        let port = Port::reserve();
        let shared = Arc::new(Shared::new(target));
        let thread = thread::spawn({
            let (address, shared) = (port.address(), Arc::clone(&shared));
            move || serve(address, &shared)
        });
        let proxy = Self { port, shared, thread: Some(thread) };
        proxy.wait_for_door(Door::Open);
        proxy
    }

    /// Where it listens, as a URL without credentials, database or query.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Where it listens, like `127.0.0.1:11000`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The next such command has this fault.
    pub(crate) fn next(&self, command: &str, fault: Fault) -> Hits {
        self.next_n(1, command, fault)
    }

    /// The next `times` such commands have this fault.
    pub(crate) fn next_n(&self, times: usize, command: &str, fault: Fault) -> Hits {
        self.shared.rules().add(command, Some(times), fault)
    }

    /// All such commands have this fault, until [`Proxy::clear`].
    pub(crate) fn always(&self, command: &str, fault: Fault) -> Hits {
        self.shared.rules().add(command, None, fault)
    }

    /// Nothing has a fault any more. What was held or refused still is.
    pub(crate) fn clear(&self) {
        self.shared.rules().clear();
    }

    /// The names of the commands since [`Proxy::reset`], in order, without those that set connections up.
    pub(crate) fn commands(&self) -> Vec<String> {
        let seen = self.seen();
        seen.iter()
            .map(|seen| &seen.command)
            .filter(|it| !it.is_setup())
            .map(|it| it.name().to_owned())
            .collect()
    }

    /// All commands since [`Proxy::reset`], in order, with their sizes.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.traffic().seen().to_vec()
    }

    /// How many connections were accepted since [`Proxy::reset`].
    pub(crate) fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.shared.links().iter().filter(|link| !link.is_finished()).count()
    }

    /// Forgets what it has seen and counts from here on.
    pub(crate) fn reset(&self) {
        self.shared.traffic().reset();
        self.shared.accepted.store(0, Ordering::SeqCst);
    }

    /// Carries nothing any more, either way, and keeps all connections open: a cable is cut. New ones are as deaf.
    pub(crate) fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Carries on, beginning with what was held.
    pub(crate) fn heal(&self) {
        self.shared.held.send_replace(false);
    }

    /// Closes all connections, and returns when they are. New ones are welcome.
    pub(crate) fn kill_connections(&self) {
        let links = std::mem::take(&mut *self.shared.links());
        links.iter().for_each(AbortHandle::abort);
        until("the proxy's connections are closed", || links.iter().all(AbortHandle::is_finished));
    }

    /// Refuses connections from now on, as if nothing listened. Those that are open stay.
    pub(crate) fn refuse(&self) {
        self.shared.door.send_replace(Door::Shut);
        self.wait_for_door(Door::Shut);
    }

    /// Takes connections again.
    pub(crate) fn accept(&self) {
        self.shared.door.send_replace(Door::Open);
        self.wait_for_door(Door::Open);
    }

    fn wait_for_door(&self, door: Door) {
        let listening = || self.shared.listening.load(Ordering::SeqCst);
        until("the proxy's port is open or closed, as wanted", || listening() == (door == Door::Open));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.door.send_replace(Door::Gone);
        // If the thread panicked, the test has failed or does not care.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn new(target: SocketAddr) -> Self {
        Self {
            target,
            rules: Mutex::default(),
            traffic: Mutex::default(),
            links: Mutex::default(),
            accepted: AtomicUsize::new(0),
            listening: AtomicBool::new(false),
            held: watch::Sender::new(false),
            door: watch::Sender::new(Door::Open),
        }
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().expect("nobody panics with it")
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().expect("nobody panics with it")
    }

    fn links(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.links.lock().expect("nobody panics with it")
    }

    /// Notes a request, and says what its fault is.
    fn request(&self, command: &Command, bytes: usize) -> (Serial, Option<Fault>) {
        let serial = self.traffic().request(command.clone(), bytes);
        (serial, self.rules().fault(command))
    }

    fn reply(&self, to: Serial, bytes: usize) {
        self.traffic().reply(to, bytes);
    }

    /// Waits while everything is held.
    async fn passable(&self) {
        let healed = self.held.subscribe().wait_for(|held| !held).await.map(drop);
        healed.expect("we keep the sender ourselves");
    }

    async fn door_is(&self, wanted: impl Fn(Door) -> bool) -> Door {
        let mut door = self.door.subscribe();
        let door = door.wait_for(|door| wanted(*door)).await;
        *door.expect("we keep the sender ourselves")
    }
}

/// The life of the proxy's thread. When it ends, the runtime takes all connections with it.
fn serve(address: SocketAddr, shared: &Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs nothing that could be missing").block_on(async {
        while shared.door_is(|door| door != Door::Shut).await == Door::Open {
            let listener = TcpListener::bind(address).await.expect("the port is reserved");
            shared.listening.store(true, Ordering::SeqCst);
            tokio::select! {
                end = welcome(&listener, shared) => end.expect("a listener goes on"),
                _ = shared.door_is(|door| door != Door::Open) => {}
            }
            drop(listener);
            shared.listening.store(false, Ordering::SeqCst);
        }
    });
}

/// Takes connections as long as it is asked to.
async fn welcome(listener: &TcpListener, shared: &Arc<Shared>) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        let link = tokio::spawn({
            let shared = Arc::clone(shared);
            async move {
                // A server that is not there, or a connection that breaks, is what clients get to see.
                if let Ok(server) = TcpStream::connect(shared.target).await {
                    let _ = link::run(client, server, &shared).await;
                }
            }
        });
        let mut links = shared.links();
        links.retain(|link| !link.is_finished());
        links.push(link.abort_handle());
    }
}
