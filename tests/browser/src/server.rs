//! A child process that prints its address and dies with its handle.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
};

/// A running server. Dropped, it is killed: also when a test panics.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
    /// Kept open, so that whatever the server says later does not hit a closed pipe.
    _output: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts `command` and reads what it prints, up to the line that `address` understands.
    pub(crate) fn start(command: &mut Command, address: fn(&str) -> Option<String>) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut server = Self { child, address: String::new(), _output: None };

        let mut output = BufReader::new(server.child.stdout.take().expect("the output is piped"));
        let found = output.by_ref().lines().map_while(Result::ok).find_map(|line| address(&line));
        server.address = found.unwrap_or_else(|| panic!("{command:?} ended without saying where it listens"));
        server._output = Some(output);
        server
    }

    /// Where it listens, as a URL without a slash at the end.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
