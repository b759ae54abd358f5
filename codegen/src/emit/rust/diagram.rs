//! Bit diagrams, as SVG in HTML that rustdoc includes unchanged.
//!
//! All colours come from rustdoc, so that a diagram fits each theme. The shape of the frame shows the kind of access,
//! because colours are not enough for all readers.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::description::{Access, Bits};

/// The number of bits per row. Wider items have several rows, the low bits first.
const ROW: u32 = 32;
/// The width of a bit.
const BIT: f64 = 20.0;
/// The space for lines at the edges.
const EDGE: f64 = 1.0;
/// The space for the offset of a row, if there are several.
const MARGIN: f64 = 40.0;
/// The height of the bit numbers.
const NUMBERS: f64 = 14.0;
/// The distance between rows.
const GAP: f64 = 12.0;
/// The width of a character of a name, and the height of its line.
const LETTER: (f64, f64) = (7.2, 13.0);
/// The width of a character of other text, and the height of its line.
const SMALL: (f64, f64) = (6.0, 11.0);
/// The height of the bar over fields with side effects.
const BAR: f64 = 4.0;
/// The distance of a frame within a frame.
const INSET: f64 = 2.5;
/// The space around a name.
const AROUND: f64 = 4.0;

/// A field or a run of reserved bits.
pub struct Cell {
    /// The bits.
    pub bits: Bits,
    /// Its name, unless it is reserved.
    pub name: String,
    /// The target of its link.
    pub link: Option<String>,
    /// Its kind of access.
    pub kind: Kind,
    /// The condition under which the bits have this meaning, or an empty string.
    pub when: String,
}

/// The kind of access of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A field.
    Field(Access),
    /// A field with a prescribed value.
    Prescribed(u64),
    /// Reserved bits.
    Reserved,
}

impl Kind {
    /// Returns the text in the diagram.
    fn short(self) -> String {
        match self {
            Self::Field(Access::ReadSets) => "RS".to_owned(),
            Self::Field(access) => access.keyword().to_uppercase().replace('_', " "),
            Self::Prescribed(value) => format!("={value}"),
            Self::Reserved => String::new(),
        }
    }

    /// Returns the text in the legend below the diagram.
    fn key(self) -> String {
        match self {
            Self::Prescribed(_) => "=n: must be written as n".to_owned(),
            Self::Field(_) => format!("{}: {}", self.short(), self.long()),
            Self::Reserved => self.long(),
        }
    }

    fn long(self) -> String {
        let text = match self {
            Self::Field(access) => match access {
                Access::ReadWrite => "read and write",
                Access::ReadOnly => "read only",
                Access::WriteOnly => "write only",
                Access::ReadClears => "a read clears it",
                Access::WriteOneClears => "writing a one clears it",
                Access::ReadOrWriteOneClears => "a read or writing a one clears it",
                Access::WriteZeroClears => "writing a zero clears it",
                Access::WriteOneSets => "writing a one sets it",
                Access::SelfClearing => "clears itself",
                Access::ReadSets => "a read sets it",
            },
            Self::Prescribed(value) => return format!("must be written as {value}"),
            Self::Reserved => "reserved",
        };
        text.to_owned()
    }

    /// Returns `true` if an access has side effects.
    fn acts(self) -> bool {
        !matches!(
            self,
            Self::Field(Access::ReadWrite | Access::ReadOnly | Access::WriteOnly)
                | Self::Prescribed(_)
                | Self::Reserved
        )
    }

    fn class(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            _ if self.acts() => "act",
            _ => "plain",
        }
    }

    /// Returns the inner frame.
    fn inner(self) -> Option<&'static str> {
        match self {
            Self::Field(Access::ReadOnly) => Some("once"),
            Self::Field(Access::WriteOnly) => Some("dash"),
            _ => None,
        }
    }
}

/// Draws the diagram of an item of `width` bits.
pub fn diagram(label: &str, width: u32, cells: &[Cell]) -> String {
    let mut svg = Svg { text: String::new(), y: 0.0, width: 0.0 };
    let rows = width.div_ceil(ROW);
    let left = if rows > 1 { MARGIN } else { EDGE };
    svg.width = left + f64::from(width.min(ROW)) * BIT + EDGE;
    for row in 0..rows {
        let bits = Bits { lsb: row * ROW, width: (width - row * ROW).min(ROW) };
        if row > 0 {
            svg.y += GAP;
        }
        svg.row(bits, (rows > 1).then_some(left), cells);
    }
    svg.key(left, cells);
    let (width, height) = (svg.width, number(svg.y + EDGE));
    // No blank lines, so that Markdown leaves the HTML unchanged.
    format!(
        "<div class=\"bits\"><style>\n{}{}</style>\n<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" \
         style=\"width:{width}px\"><defs><pattern id=\"bits-reserved\" width=\"6\" height=\"6\" \
         patternUnits=\"userSpaceOnUse\"><path d=\"M0 6L6 0\"/></pattern></defs>{}\n</svg></div>\n",
        include_str!("diagram.css"),
        // The table has this information for screen readers.
        include_str!("table.css"),
        escape(label),
        svg.text
    )
}

/// A diagram under construction.
struct Svg {
    text: String,
    y: f64,
    width: f64,
}

/// The part of a cell in one row.
struct Part<'a> {
    cell: &'a Cell,
    bits: Bits,
    name: Name,
    /// Its lanes. Alternative meanings of bits are drawn one below the other.
    lanes: std::ops::Range<usize>,
}

impl Part<'_> {
    fn shares_bits(&self, other: &Self) -> bool {
        self.bits.mask() & other.bits.mask() != 0
    }

    fn shares_lanes(&self, other: &Self) -> bool {
        self.lanes.start < other.lanes.end && other.lanes.start < self.lanes.end
    }
}

/// The layout of a name.
enum Name {
    Lines(Vec<String>),
    Upright(String),
}

impl Name {
    fn fit(name: &str, width: f64) -> Self {
        let most = (width / LETTER.0) as usize;
        let mut lines = vec![String::new()];
        for word in name.split_inclusive('_') {
            match lines.last_mut() {
                Some(line) if line.len() + word.len() <= most => line.push_str(word),
                _ => lines.push(word.to_owned()),
            }
        }
        lines.retain(|line| !line.is_empty());
        if lines.len() > 3 || lines.iter().any(|line| line.len() > most) {
            Self::Upright(name.to_owned())
        } else {
            Self::Lines(lines)
        }
    }

    fn height(&self) -> f64 {
        match self {
            Self::Lines(lines) => lines.len() as f64 * LETTER.1,
            Self::Upright(name) => name.len() as f64 * LETTER.0 + AROUND,
        }
    }
}

/// Returns the text of a kind as one line if it fits into `width`, else as one line per word.
fn kind_lines(kind: Kind, width: f64) -> Vec<String> {
    let text = kind.short();
    if text.is_empty() {
        Vec::new()
    } else if text.len() as f64 * SMALL.0 <= width {
        vec![text]
    } else {
        text.split(' ').map(str::to_owned).collect()
    }
}

impl Svg {
    fn row(&mut self, row: Bits, offset: Option<f64>, cells: &[Cell]) {
        let left = offset.unwrap_or(EDGE);
        let x = |bit: u32| left + f64::from(row.msb() - bit) * BIT;
        let parts = parts(row, cells);
        let lanes = parts.iter().map(|part| part.lanes.end).max().unwrap_or(1);
        let tops = tops(&parts, lanes);
        let (top, height) = (self.y + NUMBERS, tops.last().copied().unwrap_or_default());
        if offset.is_some() {
            self.words("o", (0.0, top + height / 2.0 + 4.0), &format!("+{:#x}", row.lsb / 8));
        }
        self.numbers(&parts, self.y + NUMBERS - 4.0, x);
        for part in &parts {
            let (from, to) = (tops[part.lanes.start], tops[part.lanes.end]);
            let corner = (x(part.bits.msb()), top + from);
            self.part(part, corner, (f64::from(part.bits.width) * BIT, to - from));
        }
        self.y = top + height;
    }

    /// Draws the numbers of the bits at which a cell begins or ends.
    fn numbers(&mut self, parts: &[Part<'_>], y: f64, x: impl Fn(u32) -> f64) {
        let edges: BTreeSet<_> = parts.iter().flat_map(|part| [part.bits.lsb, part.bits.msb()]).collect();
        for bit in edges {
            self.words("n", (x(bit) + BIT / 2.0, y), &bit.to_string());
        }
    }

    fn part(&mut self, part: &Part<'_>, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let Part { cell, bits, name, .. } = part;
        let kind = cell.kind;
        let when = if cell.when.is_empty() { String::new() } else { format!(", {}", cell.when) };
        let tip = match kind {
            Kind::Reserved => format!("{}: reserved", bits.text()),
            _ => format!("{} {}: {}{when}", cell.name, cell.bits.text(), kind.long()),
        };
        self.add(format_args!("\n<g class=\"{}\"><title>{}</title>", kind.class(), escape(&tip)));
        if let Some(link) = &cell.link {
            self.add(format_args!("<a href=\"{}\">", escape(link)));
        }
        self.frame(kind, (x, y), (width, height));
        let (middle, words) = (x + width / 2.0, kind_lines(kind, width));
        let below = words.len() as f64 * SMALL.1;
        let (free, wanted) = (height - below - AROUND, name.height());
        match name {
            Name::Lines(lines) => {
                for (n, line) in lines.iter().enumerate() {
                    let y = y + (free + BAR - wanted) / 2.0 + (n as f64 + 1.0) * LETTER.1;
                    self.words("", (middle, y), line);
                }
            }
            Name::Upright(name) => {
                let y = y + (free + BAR) / 2.0;
                let (x, y) = (number(middle + 4.0), number(y));
                self.add(format_args!("<text transform=\"translate({x} {y})rotate(-90)\">{}</text>", escape(name)));
            }
        }
        for (n, word) in words.iter().enumerate() {
            let y = y + height - AROUND - below + (n as f64 + 1.0) * SMALL.1 - 2.0;
            self.words("k", (middle, y), word);
        }
        self.add(format_args!("{}</g>", if cell.link.is_some() { "</a>" } else { "" }));
    }

    /// Draws the frame and the bar of a kind.
    fn frame(&mut self, kind: Kind, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.rectangle("", (x, y), (width, height));
        if let Some(class) = kind.inner() {
            self.rectangle(class, (x + INSET, y + INSET), (width - 2.0 * INSET, height - 2.0 * INSET));
        }
        if kind.acts() {
            self.rectangle("bar", (x, y), (width, BAR));
        }
    }

    fn rectangle(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let class = if class.is_empty() { String::new() } else { format!("class=\"{class}\" ") };
        let [x, y, width, height] = [x, y, width, height].map(number);
        self.add(format_args!("<rect {class}x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"));
    }

    fn words(&mut self, class: &str, (x, y): (f64, f64), words: &str) {
        let class = if class.is_empty() { String::new() } else { format!("class=\"{class}\" ") };
        self.add(format_args!("<text {class}x=\"{}\" y=\"{}\">{}</text>", number(x), number(y), escape(words)));
    }

    /// Draws the legend of the frames.
    fn key(&mut self, left: f64, cells: &[Cell]) {
        // Reserved bits come last.
        let mut kinds: Vec<Kind> = cells.iter().map(|cell| cell.kind).collect();
        kinds.sort_by_key(|kind| (*kind == Kind::Reserved, kind.acts(), kind.key()));
        kinds.dedup_by_key(|kind| kind.key());
        let (swatch, between) = ((16.0, 11.0), 16.0);
        let mut x = left;
        self.y += 10.0;
        for kind in kinds {
            let text = kind.key();
            let width = swatch.0 + 5.0 + text.len() as f64 * SMALL.0;
            if x > left && x + width > self.width {
                x = left;
                self.y += 17.0;
            }
            self.add(format_args!("\n<g class=\"{}\">", kind.class()));
            self.frame(kind, (x, self.y), swatch);
            self.words("l", (x + swatch.0 + 5.0, self.y + 9.0), &text);
            self.add(format_args!("</g>"));
            x += width + between;
        }
        self.y += swatch.1;
    }

    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.text.write_fmt(text);
    }
}

/// Returns the parts of cells in a row, each with its lanes.
fn parts(row: Bits, cells: &[Cell]) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for cell in cells {
        let (lsb, msb) = (cell.bits.lsb.max(row.lsb), cell.bits.msb().min(row.msb()));
        if lsb > msb {
            continue;
        }
        let bits = Bits { lsb, width: msb - lsb + 1 };
        let name = if bits == cell.bits || cell.name.is_empty() {
            cell.name.clone()
        } else {
            // The name shows which bits of the field are in this row.
            let part = Bits { lsb: lsb - cell.bits.lsb, width: bits.width };
            format!("{}[{}]", cell.name, part.text())
        };
        let around = if cell.kind.inner().is_some() { AROUND + 2.0 * INSET } else { AROUND };
        let name = Name::fit(&name, f64::from(bits.width) * BIT - around);
        let mut part = Part { cell, bits, name, lanes: 0..1 };
        let free = |lane: usize| !parts.iter().any(|other| other.lanes.start == lane && other.shares_bits(&part));
        // Shares a lane with cells of the same condition, if there is room.
        let alike = parts.iter().filter(|other| !cell.when.is_empty() && other.cell.when == cell.when);
        let lane = alike.map(|other| other.lanes.start).find(|lane| free(*lane));
        let lane = lane.or_else(|| (0..=parts.len()).find(|lane| free(*lane))).unwrap_or(0);
        part.lanes = lane..lane + 1;
        parts.push(part);
    }
    // A cell that shares no bits extends over the lanes above and below.
    let lanes = parts.iter().map(|part| part.lanes.end).max().unwrap_or(1);
    for n in 0..parts.len() {
        let free = |parts: &[Part<'_>], lane: usize| {
            let taken = |other: &Part<'_>| other.lanes.contains(&lane) && other.shares_bits(&parts[n]);
            !parts.iter().enumerate().any(|(m, other)| m != n && taken(other))
        };
        while parts[n].lanes.start > 0 && free(&parts, parts[n].lanes.start - 1) {
            parts[n].lanes.start -= 1;
        }
        while parts[n].lanes.end < lanes && free(&parts, parts[n].lanes.end) {
            parts[n].lanes.end += 1;
        }
    }
    debug_assert!(
        parts.iter().enumerate().all(|(n, one)| {
            parts.iter().skip(n + 1).all(|other| !one.shares_bits(other) || !one.shares_lanes(other))
        })
    );
    parts
}

/// Returns the start of each lane and the end of the last. Each lane is high enough for its content.
fn tops(parts: &[Part<'_>], lanes: usize) -> Vec<f64> {
    let mut heights = vec![0.0f64; lanes];
    let mut by_lanes: Vec<_> = parts.iter().collect();
    by_lanes.sort_by_key(|part| part.lanes.len());
    for part in by_lanes {
        let words = kind_lines(part.cell.kind, f64::from(part.bits.width) * BIT).len();
        let needed = part.name.height() + words as f64 * SMALL.1 + 3.0 * AROUND + BAR;
        let lanes = &mut heights[part.lanes.clone()];
        let missing = needed - lanes.iter().sum::<f64>();
        if missing > 0.0 {
            let each = missing / lanes.len() as f64;
            lanes.iter_mut().for_each(|height| *height += each);
        }
    }
    let mut tops = vec![0.0];
    let mut top = 0.0;
    for height in heights {
        top += height.ceil();
        tops.push(top);
    }
    tops
}

/// Formats a number with the digits that a diagram needs.
fn number(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
