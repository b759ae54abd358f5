//! The table of results: one row a check.

use std::fmt;
use std::io::{self, Write};

use serde_json::{Value, json};

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The card does what the datasheet and the library say.
    Ok,
    /// The card does something else.
    Differs,
    /// The check was not made.
    Skipped,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Differs => "differs",
            Self::Skipped => "skipped",
        }
    }
}

/// The name of a check, with the register and the section of the datasheet that say what is right.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    pub name: &'static str,
    pub register: &'static str,
    pub section: &'static str,
}

/// The result of a check.
#[derive(Debug, Clone)]
pub struct Row {
    pub check: Check,
    pub verdict: Verdict,
    /// The values of a check that is ok, the reason for one that was skipped, or the first difference.
    pub detail: String,
    /// All differences.
    pub differences: Vec<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check { name, register, section } = self.check;
        let place = format!("{register} {section}");
        write!(f, "{:<8} {name:<27} {:<30} {}", self.verdict.name(), place.trim(), self.detail)
    }
}

/// The rows so far. Each is printed when it is added, if the table is loud.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    loud: bool,
}

/// The number of differences that a row shows on the terminal below its first.
const SHOWN: usize = 9;

impl Table {
    pub fn new(loud: bool) -> Self {
        Self { rows: Vec::new(), loud }
    }

    pub fn ok(&mut self, check: Check, detail: impl Into<String>) {
        self.add(Row { check, verdict: Verdict::Ok, detail: detail.into(), differences: Vec::new() });
    }

    pub fn skipped(&mut self, check: Check, reason: impl Into<String>) {
        self.add(Row { check, verdict: Verdict::Skipped, detail: reason.into(), differences: Vec::new() });
    }

    pub fn differs(&mut self, check: Check, difference: impl Into<String>) {
        self.judge(check, vec![difference.into()], "");
    }

    /// Adds a row that is ok with `detail` if there are no differences.
    pub fn judge(&mut self, check: Check, differences: Vec<String>, detail: impl Into<String>) {
        match differences.first() {
            None => self.ok(check, detail),
            Some(first) => {
                let detail = match differences.len() {
                    1 => first.clone(),
                    count => format!("{count} differences: {first}"),
                };
                self.add(Row { check, verdict: Verdict::Differs, detail, differences });
            }
        }
    }

    fn add(&mut self, row: Row) {
        if self.loud {
            // The test goes on for its report when nobody reads the table any more.
            _ = self.print(&row);
        }
        self.rows.push(row);
    }

    fn print(&self, row: &Row) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{row}")?;
        for difference in row.differences.iter().skip(1).take(SHOWN) {
            writeln!(out, "{:<67} {difference}", "")?;
        }
        match row.differences.len().checked_sub(SHOWN + 1).filter(|more| *more > 0) {
            Some(more) => writeln!(out, "{:<67} and {more} more", ""),
            None => Ok(()),
        }
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the number of rows with this outcome.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows().iter().filter(|row| row.verdict == verdict).count()
    }

    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "check": row.check.name,
                "register": row.check.register,
                "section": row.check.section,
                "verdict": row.verdict.name(),
                "detail": row.detail,
                "differences": row.differences,
            })
        };
        self.rows.iter().map(row).collect()
    }
}
