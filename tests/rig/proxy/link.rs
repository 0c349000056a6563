//! One client's connection, and the one to the server behind it.

use std::{collections::VecDeque, future, io, sync::Mutex, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::{
    Shared,
    fault::Fault,
    resp::{Messages, is_push},
    traffic::{Command, Serial},
};

/// What the client gets next, in the order of its requests.
#[derive(Debug)]
enum Expected {
    /// The server's next reply, perhaps with a fault.
    Forwarded(Serial, Option<Fault>),
    /// A reply of our own.
    Ours(Vec<u8>),
    /// From here on bytes that are no messages.
    Bytes,
}

/// Carries requests there and replies back, until one end closes or a fault says so. Then both are closed.
pub(super) async fn run(mut client: TcpStream, mut server: TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let expected = Queue::default();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let requests = Requests { from: Messages::new(from_client), to: to_server, expected: &expected, shared };
    let replies = Replies {
        from: Messages::new(from_server),
        to: to_client,
        expected: &expected,
        shared,
        late: None,
        overtaken: None,
    };
    tokio::select! {
        end = requests.carry() => end,
        end = replies.carry() => end,
    }
}

/// The expected replies, and news of them. Both ways of a connection are one task, so nobody ever waits for the lock.
#[derive(Debug, Default)]
struct Queue {
    expected: Mutex<VecDeque<Expected>>,
    news: tokio::sync::Notify,
}

impl Queue {
    fn push(&self, expected: Expected) {
        self.lock().push_back(expected);
        self.news.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Expected>> {
        self.expected.lock().expect("nobody panics with it")
    }
}

/// The way from the client to the server.
struct Requests<'a> {
    from: Messages<ReadHalf<'a>>,
    to: WriteHalf<'a>,
    expected: &'a Queue,
    shared: &'a Shared,
}

impl Requests<'_> {
    async fn carry(mut self) -> io::Result<()> {
        while let Some(request) = self.from.next().await? {
            self.shared.passable().await;
            let command = Command::of(&request);
            let (serial, fault) = self.shared.request(&command, request.len());
            match fault {
                Some(Fault::DropBefore) => return Ok(()),
                Some(Fault::Swallow) => continue,
                Some(Fault::Reply(reply)) => {
                    self.shared.reply(serial, reply.len());
                    self.expected.push(Expected::Ours(reply));
                    continue;
                }
                _ if command.is_answered_by_pushes() => {}
                _ if command.leaves_the_protocol() => return self.carry_bytes(&request).await,
                fault => self.expected.push(Expected::Forwarded(serial, fault)),
            }
            self.to.write_all(&request).await?;
        }
        Ok(())
    }

    async fn carry_bytes(mut self, request: &[u8]) -> io::Result<()> {
        self.expected.push(Expected::Bytes);
        self.to.write_all(request).await?;
        pour(self.from, self.to, self.shared).await
    }
}

/// The way back.
struct Replies<'a> {
    from: Messages<ReadHalf<'a>>,
    to: WriteHalf<'a>,
    expected: &'a Queue,
    shared: &'a Shared,
    /// A reply that waits for the next one to come first.
    late: Option<Vec<u8>>,
    /// Replies that wait for a push to come first.
    overtaken: Option<Vec<u8>>,
}

/// Whether a connection goes on.
enum Then {
    GoOn,
    Close,
}

impl Replies<'_> {
    async fn carry(mut self) -> io::Result<()> {
        loop {
            self.deliver_ours().await?;
            if matches!(self.expected.lock().front(), Some(Expected::Bytes)) {
                return pour(self.from, self.to, self.shared).await;
            }
            let message = tokio::select! {
                message = self.from.next() => message?,
                () = self.expected.news.notified() => continue,
            };
            let Some(message) = message else { return Ok(()) };
            self.shared.passable().await;
            if let Then::Close = self.pass_on(message).await? {
                return Ok(());
            }
        }
    }

    /// Delivers the replies of our own whose turn it is.
    async fn deliver_ours(&mut self) -> io::Result<()> {
        while let Some(reply) = self.next_of_ours() {
            self.shared.passable().await;
            self.deliver(&reply).await?;
        }
        Ok(())
    }

    fn next_of_ours(&self) -> Option<Vec<u8>> {
        match self.expected.lock().pop_front_if(|next| matches!(next, Expected::Ours(_)))? {
            Expected::Ours(reply) => Some(reply),
            _ => None,
        }
    }

    /// Passes on a message of the server: a push when it comes, a reply with its request's fault.
    async fn pass_on(&mut self, message: Vec<u8>) -> io::Result<Then> {
        if is_push(&message) {
            self.to.write_all(&message).await?;
            if let Some(replies) = self.overtaken.take() {
                self.to.write_all(&replies).await?;
            }
            return Ok(Then::GoOn);
        }
        let expected = self.expected.lock().pop_front_if(|next| matches!(next, Expected::Forwarded(..)));
        let Some(Expected::Forwarded(serial, fault)) = expected else {
            // Nobody asked for it: news of a subscription in the old protocol.
            self.deliver(&message).await?;
            return Ok(Then::GoOn);
        };
        self.shared.reply(serial, message.len());
        self.answer(message, fault).await
    }

    async fn answer(&mut self, reply: Vec<u8>, fault: Option<Fault>) -> io::Result<Then> {
        match fault {
            Some(Fault::DropAfter) => return Ok(Then::Close),
            Some(Fault::ResetMidReply) => {
                self.to.write_all(&reply[..reply.len() / 2]).await?;
                self.to.as_ref().set_zero_linger()?;
                return Ok(Then::Close);
            }
            Some(Fault::Stall) => future::pending().await,
            Some(Fault::Swap) if self.late.is_none() => self.late = Some(reply),
            Some(Fault::Overtaken) if self.overtaken.is_none() => self.overtaken = Some(reply),
            Some(Fault::Trickle) => self.trickle(&reply).await?,
            Some(Fault::Duplicate) => {
                self.deliver(&reply).await?;
                self.deliver(&reply).await?;
            }
            Some(Fault::Delay(time)) => {
                pass(time).await;
                self.shared.passable().await;
                self.deliver(&reply).await?;
            }
            _ => self.deliver(&reply).await?,
        }
        Ok(Then::GoOn)
    }

    /// Delivers a reply, and behind it one that was to come later.
    async fn deliver(&mut self, reply: &[u8]) -> io::Result<()> {
        if let Some(replies) = &mut self.overtaken {
            replies.extend_from_slice(reply);
            return Ok(());
        }
        self.to.write_all(reply).await?;
        if let Some(late) = self.late.take() {
            self.to.write_all(&late).await?;
        }
        Ok(())
    }

    async fn trickle(&mut self, reply: &[u8]) -> io::Result<()> {
        for byte in reply {
            self.to.write_all(&[*byte]).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Carries what comes, whatever it is.
async fn pour(from: Messages<ReadHalf<'_>>, mut to: WriteHalf<'_>, shared: &Shared) -> io::Result<()> {
    let (mut bytes, mut from) = from.into_parts();
    loop {
        shared.passable().await;
        to.write_all(&bytes).await?;
        bytes.clear();
        if from.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow network is slow by the real clock")]
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
