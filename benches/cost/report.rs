//! Figures as tables: printed, written into docs/performance.md, and compared with what stands there.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::count::Cost;
use crate::rows::{ROWS, Row, Table};
use crate::virtio;

/// The page whose tables the benchmark writes.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
/// How far a figure may be from the documented one: what another compiler or C library does.
const TOLERANCE: f64 = 0.08;
/// Rows that are shown as furthest from their baselines, and as nearest.
const EXTREMES: usize = 8;

/// A row and its instructions per packet.
pub type Figure = (&'static Row, Cost);

/// Pairs the rows with what was counted.
pub fn figures(costs: Vec<Cost>) -> Vec<Figure> {
    ROWS.iter().zip(costs).collect()
}

fn line(table: &mut String, (row, cost): &Figure) {
    let ratio = cost.driver / cost.floor;
    let _ = write!(table, "| {} | {:.1} | {:.1} | {ratio:.2} |", row.name, cost.driver, cost.floor);
    let _ = match row.goal {
        Some(goal) if cost.driver > goal => writeln!(table, " {goal}, missed |"),
        Some(goal) => writeln!(table, " {goal} |"),
        None => writeln!(table, " |"),
    };
}

/// Returns a table of all rows.
pub fn table<'f>(figures: impl IntoIterator<Item = &'f Figure>) -> String {
    let mut table = String::from("| case | driver | baseline | ratio | goal |\n|---|---|---|---|---|\n");
    figures.into_iter().for_each(|figure| line(&mut table, figure));
    table
}

/// Returns the rows of a table.
pub fn of(which: Table, figures: &[Figure]) -> impl Iterator<Item = &Figure> {
    figures.iter().filter(move |(row, _)| row.table == which)
}

/// Returns a table of the VirtIO driver.
pub fn virtio_table(figures: &[Figure]) -> String {
    let mut table = String::from("| case | split | packed | goal | doorbells, split | doorbells, packed |\n");
    table.push_str("|---|---|---|---|---|---|\n");
    for (row, cost) in of(Table::Virtio, figures) {
        let _ = write!(table, "| {} | {:.1} | {:.1} |", row.name, cost.driver, cost.floor);
        let _ = match row.goal {
            Some(goal) if cost.driver.max(cost.floor) > goal => write!(table, " {goal}, missed |"),
            Some(goal) => write!(table, " {goal} |"),
            None => write!(table, " |"),
        };
        let [split, packed] = virtio::doorbells(row);
        let _ = writeln!(table, " {split:.4} | {packed:.4} |");
    }
    table
}

/// Returns a table of the rows that are furthest from their baselines, and of those that are nearest.
fn extremes(figures: &[Figure]) -> String {
    let mut sorted: Vec<&Figure> = of(Table::Rows, figures).collect();
    sorted.sort_by(|(_, a), (_, b)| (b.driver / b.floor).total_cmp(&(a.driver / a.floor)));
    let worst = sorted.iter().take(EXTREMES);
    let best = sorted.iter().skip(sorted.len() - EXTREMES);
    table(worst.chain(best).copied())
}

/// Returns a table of cache lines.
pub fn lines_table(lines: &[Figure]) -> String {
    let mut table = String::from("| case | driver | baseline | ratio |\n|---|---|---|---|\n");
    for (row, cost) in lines {
        let ratio = cost.driver / cost.floor;
        let _ = writeln!(table, "| {} | {:.2} | {:.2} | {ratio:.2} |", row.name, cost.driver, cost.floor);
    }
    table
}

/// Writes the tables of instructions into the page.
pub fn write_rows(figures: &[Figure]) -> Result<(), String> {
    let mix = figures.iter().filter(|(row, _)| row.name.ends_with("random mix"));
    write_tables(&[
        ("mix", table(mix)),
        ("extremes", extremes(figures)),
        ("rows", table(of(Table::Rows, figures))),
        ("virtio", virtio_table(figures)),
    ])
}

/// Writes the table of cache lines into the page.
pub fn write_lines(lines: &[Figure]) -> Result<(), String> {
    write_tables(&[("lines", lines_table(lines))])
}

fn write_tables(tables: &[(&str, String)]) -> Result<(), String> {
    let mut page = read_page()?;
    for (name, table) in tables {
        let (before, old) = section(&page, name)?;
        page.replace_range(before..before + old.len(), &format!("\n{table}\n"));
    }
    std::fs::write(PAGE, page).map_err(|error| format!("cannot write {PAGE}: {error}"))
}

fn read_page() -> Result<String, String> {
    std::fs::read_to_string(PAGE).map_err(|error| format!("cannot read {PAGE}: {error}"))
}

/// Returns what stands between `<!-- cost: name -->` and the next `<!-- end -->`, and where that begins.
fn section<'p>(page: &'p str, name: &str) -> Result<(usize, &'p str), String> {
    let begin = format!("<!-- cost: {name} -->\n");
    let (before, rest) = page.split_once(&begin).ok_or_else(|| format!("{PAGE} has no {begin}"))?;
    let (old, _) = rest.split_once("<!-- end -->").ok_or_else(|| format!("{PAGE} does not end the table {name}"))?;
    Ok((before.len() + begin.len(), old))
}

/// Returns the documented figures of the table `name`: the driver's and the baseline's, by row.
fn documented(name: &str) -> Result<HashMap<String, [f64; 2]>, String> {
    let page = read_page()?;
    let (_, table) = section(&page, name)?;
    let row = |line: &str| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        Some((cells.next()?.to_owned(), [cells.next()?.parse().ok()?, cells.next()?.parse().ok()?]))
    };
    Ok(table.lines().filter_map(row).collect())
}

/// Returns what is wrong with the figures of all rows.
pub fn complaints_of_rows(figures: &[Figure]) -> Result<Vec<String>, String> {
    let some = |which| of(which, figures).copied().collect::<Vec<_>>();
    Ok([complaints("rows", &some(Table::Rows))?, complaints("virtio", &some(Table::Virtio))?].concat())
}

/// Returns what is wrong with the figures: a baseline that is dearer than its row, and a driver or a baseline that costs
/// more, or less, than the page's table `name` says.
pub fn complaints(name: &str, figures: &[Figure]) -> Result<Vec<String>, String> {
    let documented = documented(name)?;
    let mut complaints = Vec::new();
    for (Row { name, table, .. }, cost) in figures {
        if *table == Table::Rows && cost.floor > cost.driver {
            complaints.push(format!("{name}: the baseline costs {:.1}, more than {:.1}", cost.floor, cost.driver));
        }
        let Some(due) = documented.get(*name) else {
            complaints.push(format!("{name}: not documented"));
            continue;
        };
        let [first, second] = match table {
            Table::Rows => ["the driver", "the baseline"],
            Table::Virtio => ["the driver with split rings", "the driver with packed rings"],
        };
        for (who, cost, due) in [(first, cost.driver, due[0]), (second, cost.floor, due[1])] {
            if cost > due * (1.0 + TOLERANCE) {
                complaints.push(format!("{name}: {who} costs {cost:.2}, documented are {due}"));
            } else if cost < due * (1.0 - TOLERANCE) {
                complaints.push(format!("{name}: {who} costs only {cost:.2}; record that, documented are {due}"));
            }
        }
    }
    Ok(complaints)
}

/// Writes the figures where other benchmarks look for them.
pub fn write_json(file: &Path, figures: &[Figure]) -> Result<(), String> {
    let entries: Vec<_> = figures
        .iter()
        .map(|(row, cost)| {
            format!(r#"{{"case":"{}","instructions":{:.2},"baseline":{:.2}}}"#, row.name, cost.driver, cost.floor)
        })
        .collect();
    std::fs::write(file, format!("[{}]\n", entries.join(",\n ")))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}
