//! The thread on which connections are made and driven.
//!
//! A connection that were driven by the runtime of the request that opened it would stand still while a handler blocks that
//! runtime's thread, and with it the requests of all other threads. So all stores of a process share one thread that runs
//! no handler.

use std::{
    future::pending,
    io,
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::runtime::{Builder, Handle};

use crate::error::{StoreError, StoreErrorKind};

static DRIVER: Mutex<Option<Handle>> = Mutex::new(None);

/// The runtime of the thread, which the first call starts.
pub(super) fn runtime() -> Result<Handle, StoreError> {
    let mut driver = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*driver {
        return Ok(handle.clone());
    }
    let handle = start().map_err(|error| {
        let message = "the thread for connections to Redis could not be started";
        StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
    })?;
    Ok(driver.insert(handle).clone())
}

fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("cloakroom-redis".to_owned())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(handle)
}
