//! A port that stays ours, also while nobody listens on it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// The first port we take, and how many there are.
///
/// They lie below those that systems give to outgoing connections, which could otherwise take the port of a server that was
/// killed and is to come back. A cluster's bus listens [`BUS`] higher, also below those.
const FIRST: u16 = 11_000;
const COUNT: u16 = 10_000;
const BUS: u16 = 10_000;

/// A TCP port of the loopback interface, reserved among all rigs of the machine.
///
/// The reservation is the UDP port of the same number: no server here needs it, only one process can have it, and the system
/// frees it however that process ends.
#[derive(Debug)]
pub(crate) struct Port {
    reservation: UdpSocket,
}

impl Port {
    /// One that is free now. Others than rigs may still come first; whoever cannot listen on it reserves another.
    pub(crate) fn reserve() -> Self {
        // Processes begin in different places, so that they seldom meet.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let begin = process::id().wrapping_mul(97);
        for _ in 0..COUNT {
            let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
            let number = FIRST + u16::try_from(offset).expect("it is less than COUNT");
            let Ok(reservation) = UdpSocket::bind(on_loopback(number)) else { continue };
            if is_free(number) && is_free(number + BUS) {
                return Self { reservation };
            }
        }
        panic!("none of {COUNT} ports from {FIRST} on is free");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.reservation.local_addr().expect("it is bound")
    }

    pub(crate) fn number(&self) -> u16 {
        self.address().port()
    }
}

fn on_loopback(number: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, number).into()
}

fn is_free(number: u16) -> bool {
    TcpListener::bind(on_loopback(number)).is_ok()
}
