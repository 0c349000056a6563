//! A way to any server that can be cut, held, or lose answers: [`Wire`].

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// Passes bytes between clients and a server, until it is told otherwise. It knows no protocol.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    opened: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// New connections are closed at once.
    refuses: bool,
    /// Nothing passes, and nothing fails.
    holds: bool,
    /// Connections with a lower number are open, and nothing passes on them.
    forgotten: usize,
    /// So many parts of answers pass, and then the connection that has the next one ends instead.
    answers_left: Option<u32>,
    open: Vec<TcpStream>,
    is_over: bool,
}

impl Wire {
    /// A way to a server, on a port of its own.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { server, state, changed, opened: AtomicUsize::new(0) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the PostgreSQL database behind it.
    pub(crate) fn postgres_url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// How many connections were opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.shared.opened.load(SeqCst)
    }

    /// Ends all connections, and every new one.
    pub(crate) fn cut(&self) {
        self.shared.state().refuses = true;
        self.kill_connections();
    }

    /// Ends all connections.
    pub(crate) fn kill_connections(&self) {
        for stream in self.shared.state().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
    }

    /// Lets nothing pass, in both directions.
    pub(crate) fn hold(&self) {
        self.shared.state().holds = true;
    }

    /// Lets nothing pass any more on the connections that there are; new ones work.
    pub(crate) fn forget_connections(&self) {
        self.shared.state().forgotten = self.opened();
    }

    /// Lets so many parts of answers pass, and ends the connection whose answer comes next: the server has done what was asked, and
    /// nobody hears of it.
    pub(crate) fn lose_answer_after(&self, answers: u32) {
        self.shared.state().answers_left = Some(answers);
    }

    /// Everything passes again.
    pub(crate) fn heal(&self) {
        let mut state = self.shared.state();
        (state.refuses, state.holds, state.answers_left) = (false, false, None);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.kill_connections();
        // It wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            let state = self.state();
            if state.is_over {
                return;
            }
            if state.refuses {
                continue;
            }
            drop(state);
            let number = self.opened.fetch_add(1, SeqCst);
            let Ok(server) = TcpStream::connect(self.server) else { continue };
            // A connection that has ended meanwhile shows itself when it is used.
            let _ = self.join(number, client, server);
        }
    }

    fn join(self: &Arc<Self>, number: usize, client: TcpStream, server: TcpStream) -> io::Result<()> {
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            self.state().open.push(stream.try_clone()?);
        }
        let ways = [(client.try_clone()?, server.try_clone()?, false), (server, client, true)];
        for (from, to, are_answers) in ways {
            let shared = Arc::clone(self);
            thread::spawn(move || {
                let _ = shared.pass(number, &from, &to, are_answers);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        Ok(())
    }

    fn pass(
        &self,
        number: usize,
        mut from: &TcpStream,
        mut to: &TcpStream,
        are_answers: bool,
    ) -> io::Result<()> {
        let mut buffer = [0; 64 << 10];
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 || !self.lets_pass(number, are_answers) {
                return Ok(());
            }
            to.write_all(&buffer[..length])?;
        }
    }

    /// Waits while nothing passes, and says whether the next bytes do.
    fn lets_pass(&self, number: usize, are_answers: bool) -> bool {
        let mut state = self.state();
        while (state.holds || number < state.forgotten) && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match &mut state.answers_left {
            Some(0) if are_answers => {
                state.answers_left = None;
                false
            }
            Some(left) if are_answers => {
                *left -= 1;
                true
            }
            _ => true,
        }
    }
}
