//! Other processes of the site: this program, started again, adds to numbers in sessions and says what was acknowledged.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use cloakroom::store::SqliteStore;

use crate::{
    browser::{Browser, Server, finish},
    scene::add,
};

/// Names the file, the number and the cookies for a process that counts.
const VARIABLE: &str = "CLOAKROOM_SQLITE_COUNTS";

/// A process that adds to a number in each session without end, until it is dropped: then it is killed.
pub(crate) struct Counting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// How far the number of each session came, by the place of the session.
pub(crate) type Counts = BTreeMap<usize, u64>;

impl Counting {
    /// Starts a process that adds to the number `name` of each session. It is another process's alone.
    pub(crate) fn start(path: &Path, name: &str, browsers: &[Browser]) -> Self {
        let cookies: Vec<_> = browsers.iter().filter_map(|browser| browser.cookie.clone()).collect();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "process::counts_if_told_to", "--nocapture"])
            .env(VARIABLE, format!("{}\n{name}\n{}", path.display(), cookies.join("\n")))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads what was acknowledged until that were so many, and kills the process. What it had said by then counts, too.
    pub(crate) fn kill_after(mut self, acknowledged: usize) -> Counts {
        let mut counts = Counts::new();
        for _ in 0..acknowledged {
            let (session, count) = self.next().expect("it counts until it is killed");
            counts.insert(session, count);
        }
        self.child.kill().unwrap();
        while let Some((session, count)) = self.next() {
            counts.insert(session, count);
        }
        counts
    }

    /// The next that was acknowledged. A line that was cut off was not.
    fn next(&mut self) -> Option<(usize, u64)> {
        self.lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (session, count) = line.strip_prefix("counted ")?.strip_suffix('.')?.split_once(' ')?;
            Some((session.parse().ok()?, count.parse().ok()?))
        })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the other process does. In this one it is no test, and ends at once.
#[tokio::test(flavor = "multi_thread")]
async fn counts_if_told_to() {
    let Ok(told) = env::var(VARIABLE) else { return };
    let mut told = told.lines();
    let (path, name) = (told.next().unwrap(), told.next().unwrap());
    let site = Server::new(SqliteStore::open(path).unwrap())
        .with(|sessions| sessions.store_timeout(Duration::from_secs(20)));
    let name: &'static str = if name == "a" { "a" } else { "b" };
    let mut workers = Vec::new();
    for (place, cookie) in told.enumerate() {
        let browser = Browser { cookie: Some(cookie.to_owned()), ..site.browser() };
        workers.push(tokio::spawn(async move {
            loop {
                let visit = browser.visit().await;
                add(&visit.session, name).unwrap();
                let count: u64 = visit.session.get(name).unwrap().unwrap();
                let response = finish(visit, 200).await;
                assert!(response.is_ok(), "{response:?}");
                let line = format!("counted {place} {count}.\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }));
    }
    futures_util::future::try_join_all(workers).await.unwrap();
}
