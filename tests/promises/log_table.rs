//! The table of `docs/logs.md` names every event that the crate logs, with its level, target and fields.

use std::{collections::BTreeSet, fs, path::Path};

/// An event as the source logs it.
#[derive(Debug)]
struct Logged {
    level: &'static str,
    target: String,
    message: String,
    fields: BTreeSet<String>,
}

/// A row of the table.
#[derive(Debug)]
struct Row {
    levels: Vec<String>,
    target: String,
    event: String,
    fields: BTreeSet<String>,
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

fn rows() -> Vec<Row> {
    let page = include_str!("../../docs/logs.md");
    let table = page.split("| level |").nth(1).expect("the page has a table");
    let rows = table.lines().skip(2).filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>());
    rows.map(|cells| {
        let [levels, target, event, fields] = cells[..] else { panic!("{cells:?}") };
        let words =
            |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
        Row {
            levels: levels.split(", ").map(str::to_owned).collect(),
            target: target.trim_matches('`').to_owned(),
            event: event.trim_end_matches(" (once)").to_owned(),
            fields: words(fields),
        }
    })
    .collect()
}

fn logged() -> Vec<Logged> {
    let src = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../src"));
    let (mut folders, mut events) = (vec![src.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let module = path.strip_prefix(src).unwrap().with_extension("").display().to_string();
                let module = module.trim_end_matches("/mod").replace('/', "::");
                events.extend(events_of(&fs::read_to_string(&path).unwrap(), &module));
            }
        }
    }
    events
}

fn events_of(source: &str, module: &str) -> Vec<Logged> {
    // Continued lines of a text are one line to the compiler.
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let source = lines.map(str::trim).collect::<Vec<_>>().join("\n").replace("\\\n", "");
    let mut events = Vec::new();
    for level in LEVELS {
        for (at, _) in source.match_indices(&format!("{level}!(")) {
            let before = source[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
                continue;
            }
            let rest = &source[at + level.len() + 2..];
            let (fields, message) = rest.split_once('"').expect("an event has a message");
            events.push(Logged {
                level,
                target: module.to_owned(),
                message: message.split('"').next().unwrap().to_owned(),
                fields: fields.split(',').filter_map(field).collect(),
            });
        }
    }
    events
}

/// The name of a field in an event's arguments.
fn field(argument: &str) -> Option<String> {
    let name = argument.split(" = ").next().unwrap().trim().trim_start_matches(['%', '?']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[test]
fn the_table_of_logs_names_every_event_and_no_other() {
    let (rows, logged) = (rows(), logged());
    assert!(logged.len() >= 15, "only {} events were found", logged.len());
    let names = |row: &Row, event: &Logged| {
        row.levels.iter().any(|level| level == event.level)
            && row.target == event.target
            && event.message.starts_with(&row.event)
            && row.fields == event.fields
    };
    let mut wrong: Vec<_> = logged
        .iter()
        .filter(|event| !rows.iter().any(|row| names(row, event)))
        .map(|event| format!("docs/logs.md does not name {event:?}"))
        .collect();
    for row in &rows {
        for level in &row.levels {
            if !logged.iter().any(|event| names(row, event) && event.level == level) {
                wrong.push(format!("nothing is logged like {row:?} as {level}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
