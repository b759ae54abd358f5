//! Text in columns, for a terminal.

/// The width of a line.
const COLUMNS: usize = 100;

/// Rows with aligned cells. The last cell of a row is wrapped.
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

    /// Renders the rows, each indented by `indent` spaces.
    pub fn render(&self, indent: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            // The last cell of a row needs no column width.
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

/// Wraps a text at `width` characters between words, and keeps its line ends.
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
