//! Runs a scenario on every combination of the tables, each on a stage of its own, and names those on which it fails.

use std::{
    any::{Any, type_name},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::LazyLock,
};

use tokio::runtime::Runtime;

use crate::{
    stage::{Rules, Stage},
    tables::{ADAPTERS, Client, STORES, TRANSPORTS, Transport},
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

type Choice = fn(&Transport) -> bool;

/// Runs a scenario on every combination.
pub(crate) fn everywhere(scenario: impl AsyncFn(&Stage)) {
    run(|sessions| sessions, |_| true, scenario);
}

/// Runs a scenario on every combination, under rules that are not the usual ones.
pub(crate) fn everywhere_with(rules: Rules, scenario: impl AsyncFn(&Stage)) {
    run(rules, |_| true, scenario);
}

/// Runs a scenario on every combination with such a transport.
pub(crate) fn wherever(choice: Choice, scenario: impl AsyncFn(&Stage)) {
    run(|sessions| sessions, choice, scenario);
}

/// Runs a scenario on every combination whose clients are browsers.
pub(crate) fn in_browsers(scenario: impl AsyncFn(&Stage)) {
    wherever(|transport| transport.client == Client::Browser, scenario);
}

/// Runs a scenario on every combination whose clients are browsers, under rules that are not the usual ones.
pub(crate) fn in_browsers_with(rules: Rules, scenario: impl AsyncFn(&Stage)) {
    run(rules, |transport| transport.client == Client::Browser, scenario);
}

/// Runs a scenario on every combination whose clients are no browsers.
pub(crate) fn in_apps(scenario: impl AsyncFn(&Stage)) {
    wherever(|transport| transport.client == Client::App, scenario);
}

fn run<S: AsyncFn(&Stage)>(rules: Rules, choice: Choice, scenario: S) {
    let (mut played, mut failures) = (0, Vec::new());
    for adapter in ADAPTERS {
        for store in STORES {
            for transport in TRANSPORTS.iter().filter(|transport| choice(transport)) {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    RUNTIME.block_on(async {
                        let stage = Stage::set(adapter, store, transport, rules).await;
                        scenario(&stage).await;
                    });
                }));
                played += 1;
                if let Err(panic) = outcome {
                    let reason = reason(&*panic);
                    let place = [name::<S>(), adapter.name, store.name, transport.name].join(" · ");
                    failures.push(format!("{place}: {reason}"));
                }
            }
        }
    }
    assert!(played > 0, "there is no such transport in the table");
    assert!(failures.is_empty(), "failed on {} of {played}\n{}\n", failures.len(), failures.join("\n"));
}

/// The name of the test that the scenario stands in.
fn name<S>() -> &'static str {
    let path = type_name::<S>().trim_end_matches("::{{closure}}");
    path.rsplit("::").next().unwrap_or(path)
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}
