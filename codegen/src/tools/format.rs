//! The formatter of descriptions and extensions: order of keys, one field per line, digits of numbers.
//!
//! It works on the tree of the text, so scalars and comments keep their spelling. It reads the result again to verify
//! that nothing else changed.

mod forms;

use std::iter;

use serde::de::IgnoredAny;

use forms::{Breaks, DESCRIPTION, Form, Of, ordered};

use super::CommandError;
use crate::Error;
use crate::diagnostic::{Diagnostic, Diagnostics, Report};
use crate::parse::values;
use crate::source::{Source, Span, Spanned};
use crate::yaml::tree::{self, Kind, Node};

/// The width in columns above which a value is broken into lines.
const COLUMNS: usize = 200;

/// An error of the formatter.
#[derive(Debug)]
pub enum Unformatted {
    /// The text is invalid YAML.
    Unreadable(Report),
    /// The formatted text would have another meaning.
    Unfaithful(CommandError),
}

impl From<Unformatted> for super::ToolError {
    fn from(unformatted: Unformatted) -> Self {
        match unformatted {
            Unformatted::Unreadable(report) => Error::Invalid(report).into(),
            Unformatted::Unfaithful(error) => error.into(),
        }
    }
}

/// Formats the text of `source`, which must be YAML, but may have other errors.
///
/// # Errors
///
/// [`Unformatted`] if it is invalid YAML, or if formatting would change its meaning.
pub fn format(source: &Source) -> Result<String, Unformatted> {
    let tree = read(source).map_err(|diagnostics| Unformatted::Unreadable(Report::new(source.clone(), diagnostics)))?;
    let text = Text { text: source.text(), comments: comments(source.text(), &tree) };
    let formatted = text.format(&tree);
    let again = Source::new(source.name(), formatted);
    match read(&again) {
        Ok(same) if says_the_same(&tree, &same) => Ok(again.text().to_owned()),
        _ => Err(Unformatted::Unfaithful(CommandError::new(format!(
            "cannot format {} without changing its meaning",
            source.name()
        )))),
    }
}

/// Returns the report that a text is not formatted, with its first line that would change.
#[must_use]
pub fn unformatted(source: &Source, formatted: &str) -> Report {
    let mut rest = formatted.lines();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        if Some(line.trim_end_matches(['\n', '\r'])) != rest.next() {
            break;
        }
        start += line.len();
    }
    let end = source.text()[start..].find('\n').map_or(source.text().len(), |end| start + end);
    let mut diagnostics = Diagnostics::default();
    diagnostics.report(
        Diagnostic::new("the file is not formatted", Span::new(start..end), "first line that would change")
            .help(format!("run `datasheet-codegen fmt {}`", source.name())),
    );
    Report::new(source.clone(), diagnostics)
}

/// Reads the tree if both readers accept the text. A text that one of them rejects must not become a description.
fn read(source: &Source) -> Result<Node, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    match tree::read(source, &mut diagnostics) {
        Some(tree) if diagnostics.is_empty() => match values::read::<IgnoredAny>(source) {
            // A file without values can be formatted, although serde_yaml rejects it.
            Err(error) if !tree.is_null() => diagnostics.report(error),
            _ => return Ok(tree),
        },
        _ => {}
    }
    Err(diagnostics)
}

/// Returns `true` if two trees have the same meaning, in spite of the order of keys and the spelling of numbers.
fn says_the_same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        // In quotes an empty text is a text, without quotes it is nothing.
        (Kind::Scalar { .. }, Kind::Scalar { .. }) if one.is_null() || other.is_null() => {
            one.is_null() && other.is_null()
        }
        (Kind::Scalar { text: one, quoted: false }, Kind::Scalar { text: other, quoted: false }) => {
            one == other || number(one).is_some() && number(one) == number(other)
        }
        (Kind::Scalar { text: one, .. }, Kind::Scalar { text: other, .. }) => one == other,
        (Kind::Sequence(one), Kind::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| says_the_same(one, other))
        }
        (Kind::Mapping(one), Kind::Mapping(other)) => {
            let find = |key: &Spanned<String>| other.iter().find(|(other, _)| other == key);
            one.len() == other.len()
                && one.iter().all(|(key, one)| find(key).is_some_and(|(_, other)| says_the_same(one, other)))
        }
        _ => false,
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')),
        None if text.len() > 1 && text.starts_with('0') || text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// A comment, from its `#` to the end of the line.
struct Comment {
    span: Span,
    /// `true` if it is alone on its line.
    alone: bool,
}

/// Returns the comments of a text: each `#` at the start of a word, outside all scalars.
fn comments(text: &str, tree: &Node) -> Vec<Comment> {
    let mut scalars = Vec::new();
    collect_scalars(text, tree, &mut scalars);
    let mut scalars = scalars.into_iter().peekable();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find('#').map(|next| at + next) {
        while scalars.next_if(|scalar| scalar.end <= next).is_some() {}
        at = next + 1;
        if scalars.peek().is_some_and(|scalar| scalar.start <= next) {
            continue;
        }
        let line = &text[line_start(text, next)..next];
        if line.is_empty() || line.ends_with([' ', '\t']) {
            let end = text[next..].find('\n').map_or(text.len(), |end| next + end);
            let alone = line.trim().is_empty();
            found.push(Comment { span: Span::new(next..next + text[next..end].trim_end().len()), alone });
            at = end;
        }
    }
    found
}

fn collect_scalars(text: &str, node: &Node, scalars: &mut Vec<Span>) {
    match &node.kind {
        Kind::Scalar { .. } => scalars.push(extent(text, node.span)),
        Kind::Sequence(items) => items.iter().for_each(|item| collect_scalars(text, item, scalars)),
        Kind::Mapping(entries) => {
            for (key, value) in entries {
                scalars.push(extent(text, key.span));
                collect_scalars(text, value, scalars);
            }
        }
    }
}

/// Returns the exact span of a scalar. The parser's span of a quoted scalar extends to the next token.
fn extent(text: &str, span: Span) -> Span {
    let written = text.get(span.start..span.end).unwrap_or("").trim_end();
    let end = match written.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let closing = written.char_indices().skip(1).find(|(at, character)| {
                let closes = *character == quote && !escaped;
                // Two single quotes are an escaped quote.
                let doubled =
                    closes && quote == '\'' && written.get(at + 1..).is_some_and(|rest| rest.starts_with(quote));
                escaped = !escaped && (quote == '"' && *character == '\\' || doubled);
                closes && !doubled
            });
            closing.map_or(written.len(), |(at, _)| at + 1)
        }
        _ => written.len(),
    };
    Span::new(span.start..span.start + end)
}

/// Returns the end of a value, without trailing space.
fn end(text: &str, node: &Node) -> usize {
    let within = text.get(node.span.start..node.span.end).unwrap_or("");
    match &node.kind {
        Kind::Sequence(items) if !within.starts_with('[') => items.last().map_or(0, |item| end(text, item)),
        Kind::Mapping(entries) if !within.starts_with('{') => entries.last().map_or(0, |(_, value)| end(text, value)),
        Kind::Sequence(_) | Kind::Mapping(_) => node.span.end,
        Kind::Scalar { .. } => extent(text, node.span).end,
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// A part of the output on one or several whole lines.
struct Piece {
    /// Its start and end in the source. The end equals the start if other pieces are inside it.
    at: usize,
    end: usize,
    indent: usize,
    text: String,
    blank: Blank,
}

/// The rule for a blank line before a piece.
#[derive(Clone, Copy, PartialEq)]
enum Blank {
    Never,
    /// Between it and a comment before it, if the source has one.
    Inside,
    /// If the source has one.
    Kept,
    Always,
}

struct Text<'a> {
    text: &'a str,
    comments: Vec<Comment>,
}

impl Text<'_> {
    fn format(&self, tree: &Node) -> String {
        let mut pieces = Vec::new();
        match &tree.kind {
            Kind::Mapping(entries) => self.lines(tree, forms::of_file(entries), 0, &mut pieces),
            _ => self.value("", tree, &DESCRIPTION, 0, tree.span.start, &mut pieces),
        }

        // Each comment stays before or behind the piece that it was before or behind.
        let mut before: Vec<Vec<&Comment>> = pieces.iter().map(|_| Vec::new()).collect();
        let mut behind: Vec<Option<&Comment>> = pieces.iter().map(|_| None).collect();
        let mut last = Vec::new();
        for comment in &self.comments {
            let at = comment.span.start;
            let earlier = pieces.iter().enumerate().filter(|(_, piece)| piece.at <= at);
            // Among equals the last one, which is printed last.
            let owner = earlier.max_by_key(|(_, piece)| piece.at).map(|(index, _)| index);
            let owner = owner.filter(|index| {
                let free = !pieces[*index].text.contains('\n') && behind[*index].is_none();
                free && !comment.alone
            });
            if let Some(owner) = owner {
                behind[owner] = Some(comment);
                continue;
            }
            // A comment inside a piece moves before that piece.
            let later = pieces.iter().enumerate().filter(|(_, piece)| piece.at > at || piece.end > at);
            match later.min_by_key(|(_, piece)| piece.at) {
                // A comment before everything stays first.
                Some(_) if at < tree.span.start => before[0].push(comment),
                Some((index, _)) => before[index].push(comment),
                None => last.push(comment),
            }
        }

        let mut lines = String::new();
        for ((piece, before), behind) in pieces.iter().zip(before).zip(behind) {
            let indent = piece.indent;
            let mut blank = piece.blank;
            for comment in before {
                self.blank(blank, comment.span.start, &mut lines);
                lines += &format!("{:indent$}{}\n", "", self.slice(comment.span));
                blank = if piece.blank == Blank::Never { Blank::Never } else { Blank::Kept };
            }
            self.blank(blank, piece.at, &mut lines);
            let comment = behind.map(|comment| format!("  {}", self.slice(comment.span))).unwrap_or_default();
            lines += &format!("{:indent$}{}{comment}\n", "", piece.text);
        }
        for comment in last {
            self.blank(Blank::Kept, comment.span.start, &mut lines);
            lines += &format!("{}\n", self.slice(comment.span));
        }
        lines
    }

    /// Adds a blank line, if the rule asks for one before the piece from `at`.
    fn blank(&self, blank: Blank, at: usize, lines: &mut String) {
        let start = line_start(self.text, at);
        let there = self.text[..start].trim_end_matches('\r').strip_suffix('\n').is_some_and(|text| {
            let line = &text[line_start(text, text.len())..];
            line.trim().is_empty()
        });
        if !lines.is_empty() && (blank == Blank::Always || blank == Blank::Kept && there) {
            lines.push('\n');
        }
    }

    /// Adds the entries of a list or mapping, one per line.
    fn lines(&self, node: &Node, form: &'static Form, indent: usize, pieces: &mut Vec<Piece>) {
        let top = indent == 0;
        match &node.kind {
            Kind::Mapping(entries) => {
                for (key, value, form) in ordered(entries, form) {
                    let first = pieces.len();
                    let text = format!("{}:", self.key(key, Context::Lines));
                    self.value(&text, value, form, indent, key.span.start, pieces);
                    let of_many = form.breaks == Breaks::Always && !is_empty(value);
                    if let Some(piece) = pieces.get_mut(first).filter(|_| top) {
                        piece.blank = if of_many { Blank::Always } else { Blank::Kept };
                    }
                }
            }
            Kind::Sequence(items) => {
                let apart = matches!(form.of, Of::Entries(_));
                for (number, item) in items.iter().enumerate() {
                    let form = form.item();
                    let first = pieces.len();
                    if matches!(item.kind, Kind::Mapping(_)) && !is_empty(item) && self.on_lines(item, form, indent) {
                        self.lines(item, form, indent + 2, pieces);
                        if let Some(piece) = pieces.get_mut(first) {
                            piece.indent = indent;
                            piece.text.insert_str(0, "- ");
                            piece.at = item.span.start;
                        }
                    } else {
                        self.value("-", item, form, indent, item.span.start, pieces);
                    }
                    if let Some(piece) = pieces.get_mut(first).filter(|_| apart) {
                        // A comment before the first entry belongs to the whole list.
                        piece.blank = if number == 0 { Blank::Inside } else { Blank::Always };
                    }
                }
            }
            Kind::Scalar { .. } => {}
        }
    }

    /// Adds a value after its key or dash.
    fn value(&self, head: &str, node: &Node, form: &'static Form, indent: usize, at: usize, pieces: &mut Vec<Piece>) {
        let space = if head.is_empty() { "" } else { " " };
        let mut text = head.to_owned();
        let on_lines = !is_empty(node) && self.on_lines(node, form, indent + head.len() + 1);
        if !on_lines {
            let value = match &node.kind {
                Kind::Scalar { .. } => self.scalar(node, form, Context::Lines, indent),
                _ => self.one_line(node, form),
            };
            if !value.is_empty() {
                text += space;
                text += &value;
            }
        }
        if text.is_empty() {
            return;
        }
        let end = if on_lines { at } else { end(self.text, node) };
        pieces.push(Piece { at, end, indent, text, blank: Blank::Never });
        if on_lines {
            self.lines(node, form, indent + 2, pieces);
        }
    }

    /// Returns `true` if a list or mapping that begins in `column` has one line per entry.
    fn on_lines(&self, node: &Node, form: &'static Form, column: usize) -> bool {
        !matches!(node.kind, Kind::Scalar { .. })
            && (form.breaks == Breaks::Always
                || self.has_block(node)
                || column + self.one_line(node, form).chars().count() > COLUMNS)
    }

    /// Returns `true` if a value contains a block scalar.
    fn has_block(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Scalar { .. } => self.block(node, 0).is_some(),
            Kind::Sequence(items) => items.iter().any(|item| self.has_block(item)),
            Kind::Mapping(entries) => entries.iter().any(|(_, value)| self.has_block(value)),
        }
    }

    /// Formats a value on one line.
    fn one_line(&self, node: &Node, form: &'static Form) -> String {
        let (open, entries, close): (_, Vec<String>, _) = match &node.kind {
            Kind::Scalar { .. } => return self.scalar(node, form, Context::OneLine, 0),
            Kind::Sequence(items) => ("[", items.iter().map(|item| self.one_line(item, form.item())).collect(), "]"),
            Kind::Mapping(entries) => {
                let entry =
                    |(key, value, form)| format!("{}: {}", self.key(key, Context::OneLine), self.one_line(value, form));
                let entries: Vec<_> = ordered(entries, form).into_iter().map(entry).collect();
                if entries.is_empty() { ("{", entries, "}") } else { ("{ ", entries, " }") }
            }
        };
        format!("{open}{}{close}", entries.join(", "))
    }

    fn key(&self, key: &Spanned<String>, context: Context) -> String {
        let written = self.slice(key.span);
        // The readers accept an empty key as empty text, but only with its `?`.
        let as_written = !written.is_empty() && is_plain_enough(written, context);
        if as_written { written.to_owned() } else { quoted(&key.value) }
    }

    fn scalar(&self, node: &Node, form: &Form, context: Context, indent: usize) -> String {
        let Kind::Scalar { text, quoted: is_text } = &node.kind else { return String::new() };
        if let (Of::Hexadecimal(digits), false, Some(number)) = (&form.of, is_text, number(text)) {
            return format!("0x{number:0digits$X}");
        }
        if let Some(block) = self.block(node, indent + 2).filter(|_| context == Context::Lines) {
            return block;
        }
        let written = self.slice(node.span);
        // An empty value must not become empty text, and needs a `~` in a list on one line.
        if text.is_empty() && !is_text {
            return if context == Context::Lines { String::new() } else { "~".to_owned() };
        }
        // Text that is neither plain nor quoted is a block scalar.
        let as_written = is_plain_enough(written, context) && (!is_text || written.starts_with(['"', '\'']));
        if as_written { written.to_owned() } else { quoted(text) }
    }

    /// Formats a block scalar at another indentation.
    ///
    /// Returns `None` for one with an indentation indicator, and for one whose value would change: its trailing blank
    /// lines and spaces can be part of it.
    fn block(&self, node: &Node, indent: usize) -> Option<String> {
        let Kind::Scalar { quoted: true, .. } = node.kind else { return None };
        let start = line_start(self.text, node.span.start);
        let before = self.text[..start].trim_end();
        let header = &before[before.rfind([' ', '\n']).map_or(0, |at| at + 1)..];
        let commented =
            self.comments.iter().any(|comment| (comment.span.start..=comment.span.end).contains(&before.len()));
        // With `+`, all trailing blank lines are part of the value, and the formatter adds some.
        if commented || !matches!(header, "|" | "|-" | ">" | ">-") {
            return None;
        }
        let lines: Vec<_> = self.text.get(start..node.span.end)?.trim_end().lines().map(str::trim_end).collect();
        let margin = |line: &&str| line.len() - line.trim_start_matches(' ').len();
        let least = lines.iter().filter(|line| !line.is_empty()).map(margin).min()?;
        let block = |indent: usize| {
            let lines = lines.iter().map(|line| match line.get(least..) {
                Some(text) if !text.is_empty() => format!("{:indent$}{text}", ""),
                _ => String::new(),
            });
            iter::once(header.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
        };
        let again = read(&Source::new("", format!("- {}\n", block(2)))).ok()?;
        let Kind::Sequence(items) = &again.kind else { return None };
        let [item] = items.as_slice() else { return None };
        says_the_same(node, item).then(|| block(indent))
    }

    fn slice(&self, span: Span) -> &str {
        let span = extent(self.text, span);
        self.text.get(span.start..span.end).unwrap_or("")
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar { .. } => false,
        Kind::Sequence(items) => items.is_empty(),
        Kind::Mapping(entries) => entries.is_empty(),
    }
}

/// The surroundings of a scalar.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    /// After a key, to the end of the line.
    Lines,
    /// Between braces or brackets.
    OneLine,
}

/// Returns `true` if a scalar can keep its spelling.
fn is_plain_enough(written: &str, context: Context) -> bool {
    let is_quoted = written.starts_with(['"', '\'']);
    !written.contains(['\n', '\r'])
        && (context == Context::Lines
            || is_quoted
            || !written.is_empty() && !written.contains([',', '[', ']', '{', '}']))
}

/// Quotes a text.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{FEFF}'..) => {
                quoted += &format!("\\U{:08X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
