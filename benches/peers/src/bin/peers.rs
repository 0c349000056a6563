//! Measures, and prints a Markdown table: `scripts/peers`.

use std::{collections::HashMap, fs};

use cloakroom_peers::{commands, environment, rounds::measure, rows, versions};

const ROUNDS: usize = 301;

fn main() {
    let mut args = std::env::args().skip(1);
    let allocations = allocations(&args.next().unwrap_or_default());
    let wanted = args.next().unwrap_or_default();
    println!("{}\n\n{}\n", environment::environment(), versions::crates());
    println!("| work | by | ns | × limit | middle half | allocations |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    rows(&|name| name.contains(&wanted), &mut |mut row| {
        let figures = measure(&mut row, ROUNDS);
        let mut title = row.name.as_str();
        for (contender, figures) in row.contenders.iter().zip(figures) {
            let [low, median, high] = figures.ratio;
            let counted = allocations.get(&format!("{}\t{}", row.name, contender.name));
            let counted = counted.map_or("", String::as_str);
            println!(
                "| {title} | {} | {:.0} | {median:.2} | {low:.2}–{high:.2} | {counted} |",
                contender.name, figures.nanoseconds
            );
            title = "";
        }
    });
    if "commands".contains(&wanted) || wanted.is_empty() {
        println!("\n| Redis commands per request, cart | that reads | that writes |\n| --- | --- | --- |");
        for [who, read, write] in commands() {
            println!("| {who} | {read} | {write} |");
        }
    }
    println!("\n{}", environment::environment());
}

/// What `count` printed, by row and contender.
fn allocations(file: &str) -> HashMap<String, String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.rsplit_once('\t'));
    lines.map(|(who, count)| (who.to_owned(), count.to_owned())).collect()
}
