//! Counts what each work asks of the allocator: lines of row, contender and count, a tab between them.

use cloakroom_peers::rows;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    rows(&|name| name.contains(&wanted), &mut |mut row| {
        for contender in &mut row.contenders {
            // What only the first ones need is not counted.
            (contender.work)(256);
            let counted = allocation_counter::measure(|| {
                (contender.work)(512);
            });
            let each = counted.count_total as f64 / 512.0;
            println!("{}\t{}\t{each:.1}", row.name, contender.name);
        }
    });
}
