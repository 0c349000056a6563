//! The threads on which connections are made and driven.
//!
//! A connection that were driven by the runtime of the request that opened it would stand still while a handler blocks that
//! runtime's thread, and with it the requests of all other threads. So all stores of a process share threads that run no
//! handler. There are two, because a connection with TLS may have to read the system's certificates from files first.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{StoreError, StoreErrorKind};

static DRIVER: Mutex<Option<Runtime>> = Mutex::new(None);

/// The runtime of the threads, which the first call starts.
pub(super) fn runtime() -> Result<Handle, StoreError> {
    let mut driver = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*driver {
        return Ok(runtime.handle().clone());
    }
    let runtime = start().map_err(|error| {
        let message = "the threads for connections to servers could not be started";
        StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
    })?;
    Ok(driver.insert(runtime).handle().clone())
}

fn start() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("cloakroom-driver").enable_all().build()
}
