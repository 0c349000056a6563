//! A child process that prints its address and dies with its handle.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

/// A server. Dropped, it is killed: also when a test panics.
#[derive(Debug)]
pub(crate) struct Server {
    command: Command,
    address_in: fn(&str) -> Option<String>,
    running: Running,
    address: String,
}

impl Server {
    /// Starts `command` and reads what it prints, up to the line that `address_in` understands.
    pub(crate) fn start(mut command: Command, address_in: fn(&str) -> Option<String>) -> Self {
        let (running, address) = run(&mut command, address_in);
        Self { command, address_in, running, address }
    }

    /// Kills it with `SIGKILL`, and returns when it is gone.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Tells it to end with `SIGTERM`, and returns when it has.
    pub(crate) fn terminate(&mut self) {
        let child = &mut self.running.child;
        let told = Command::new("sh").args(["-c", r#"kill -TERM "$0""#, &child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "{:?} does not run", self.command);
        for _ in 0..3000 {
            if let Some(status) = child.try_wait().expect("it is our child") {
                assert!(status.success(), "{:?} ended with {status}", self.command);
                return;
            }
            nap();
        }
        panic!("{:?} does not end", self.command);
    }

    /// What is set for the next start.
    pub(crate) fn set(&mut self, variable: &str, value: &str) {
        self.command.env(variable, value);
    }

    /// Kills it, if it still runs, and starts it with the same command.
    pub(crate) fn restart(&mut self) {
        self.kill();
        (self.running, self.address) = run(&mut self.command, self.address_in);
    }

    /// Where it listens, as a URL without a slash at the end.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Kept open, so that whatever the server says later does not hit a closed pipe.
    _output: Option<BufReader<ChildStdout>>,
}

fn run(command: &mut Command, address_in: fn(&str) -> Option<String>) -> (Running, String) {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut running = Running { child, _output: None };

    let mut output = BufReader::new(running.child.stdout.take().expect("the output is piped"));
    let found = output.by_ref().lines().map_while(Result::ok).find_map(|line| address_in(&line));
    let address = found.unwrap_or_else(|| panic!("{command:?} ended without saying where it listens"));
    running._output = Some(output);
    (running, address)
}

impl Running {
    fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a real server follows no clock of ours")]
fn nap() {
    thread::sleep(Duration::from_millis(10));
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
