//! Text in columns, for a terminal.

/// Where a line ends.
const COLUMNS: usize = 100;

/// Rows whose cells stand below one another; the last of a row is broken into lines.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, each on a line that begins with `indent` spaces.
    pub fn render(&self, indent: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            // The last cell of a row pushes nothing aside.
            let cells = self.rows.iter().filter(|row| column + 1 < row.len()).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            let Some((last, cells)) = row.split_last() else { continue };
            for (cell, width) in cells.iter().zip(&widths) {
                line += &format!("{cell:width$}  ");
            }
            let margin = line.chars().count();
            for (number, part) in wrapped(last, COLUMNS.saturating_sub(margin).max(30)).iter().enumerate() {
                if number > 0 {
                    line = " ".repeat(margin);
                }
                text += (line.clone() + part).trim_end();
                text.push('\n');
            }
        }
        text
    }
}

/// A text in lines of at most `width` characters, if its words let it; its own line ends are kept.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let start = &paragraph[..paragraph.len() - paragraph.trim_start().len()];
        for word in paragraph.split_whitespace() {
            if line.is_empty() {
                line = format!("{start}{word}");
            } else if line.chars().count() + 1 + word.chars().count() <= width {
                line = format!("{line} {word}");
            } else {
                lines.push(std::mem::replace(&mut line, format!("{start}{word}")));
            }
        }
        lines.push(line);
    }
    lines
}
