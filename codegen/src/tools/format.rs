//! The canonical layout of a description or an extension: the order of keys, one field a line, numbers as wide as they should be.
//!
//! It works on the tree of the text, so that what a scalar looks like and what a comment says stays as it was
//! written. That nothing else was changed is made sure of by reading the result again.

mod forms;

use std::iter;

use serde::de::IgnoredAny;

use forms::{Breaks, DESCRIPTION, Form, Of, ordered};

use super::CommandError;
use crate::Error;
use crate::diagnostic::{Diagnostic, Diagnostics, Report};
use crate::parse::tree::{self, Kind, Node};
use crate::parse::values;
use crate::source::{Source, Span, Spanned};

/// What does not fit in so many columns is broken into lines.
const COLUMNS: usize = 200;

/// Why a text was not laid out.
#[derive(Debug)]
pub enum Unformatted {
    /// It is no YAML.
    Unreadable(Report),
    /// It would then say something else.
    Unfaithful(CommandError),
}

impl From<Unformatted> for super::ToolError {
    fn from(unformatted: Unformatted) -> Self {
        match unformatted {
            Unformatted::Unreadable(report) => Error::Invalid(report).into(),
            Unformatted::Unfaithful(refused) => refused.into(),
        }
    }
}

/// The text of `source`, laid out. It need not be a description without mistakes, but it must be YAML.
///
/// # Errors
///
/// [`Unformatted`] if it is none, or if it is written so that it could not be laid out without changing it.
pub fn format(source: &Source) -> Result<String, Unformatted> {
    let tree = read(source).map_err(|diagnostics| Unformatted::Unreadable(Report::new(source.clone(), diagnostics)))?;
    let text = Text { text: source.text(), comments: comments(source.text(), &tree) };
    let formatted = text.format(&tree);
    let again = Source::new(source.name(), formatted);
    match read(&again) {
        Ok(same) if says_the_same(&tree, &same) => Ok(again.text().to_owned()),
        _ => Err(Unformatted::Unfaithful(CommandError::new(format!(
            "{} is written in a way that cannot be laid out",
            source.name()
        )))),
    }
}

/// That a text is not laid out, and where it first is not.
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
        Diagnostic::new("this is not laid out as it should be", Span::new(start..end), "from here on")
            .help(format!("`datasheet-codegen fmt {}` does it", source.name())),
    );
    Report::new(source.clone(), diagnostics)
}

/// The tree of what both readers take: a text that one of them refuses must not become a description.
fn read(source: &Source) -> Result<Node, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    match tree::read(source, &mut diagnostics) {
        Some(tree) if diagnostics.is_empty() => match values::read::<IgnoredAny>(source) {
            // A file without values is laid out all the same, though serde_yaml refuses it.
            Err(refused) if !tree.is_null() => diagnostics.report(refused),
            _ => return Ok(tree),
        },
        _ => {}
    }
    Err(diagnostics)
}

/// Whether two trees say the same: keys may stand in another order, and numbers be spelt otherwise.
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
    /// Whether nothing else stands on its line.
    alone: bool,
}

/// The comments of a text: every `#` at the beginning of a word that is part of no scalar.
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

/// A scalar without what follows it: the parser's place of one in quotes goes on to the next.
fn extent(text: &str, span: Span) -> Span {
    let written = text.get(span.start..span.end).unwrap_or("").trim_end();
    let end = match written.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let closing = written.char_indices().skip(1).find(|(at, character)| {
                let closes = *character == quote && !escaped;
                // Two single quotes are one that closes nothing.
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

/// Where a value ends, without what follows it.
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

/// Something on a line, or on several, of its own.
struct Piece {
    /// Where it began in the source, and where it ended, if no other piece is from within it.
    at: usize,
    end: usize,
    indent: usize,
    text: String,
    blank: Blank,
}

/// Whether a blank line stands before something.
#[derive(Clone, Copy, PartialEq)]
enum Blank {
    Never,
    /// Between it and a comment before it, if there was one.
    Inside,
    /// If there was one.
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

        // Each comment goes with what it stood before, or with what it stood behind.
        let mut before: Vec<Vec<&Comment>> = pieces.iter().map(|_| Vec::new()).collect();
        let mut behind: Vec<Option<&Comment>> = pieces.iter().map(|_| None).collect();
        let mut last = Vec::new();
        for comment in &self.comments {
            let at = comment.span.start;
            let earlier = pieces.iter().enumerate().filter(|(_, piece)| piece.at <= at);
            // Among equals the last: what begins there and is printed behind the others.
            let owner = earlier.max_by_key(|(_, piece)| piece.at).map(|(index, _)| index);
            let owner = owner.filter(|index| {
                let free = !pieces[*index].text.contains('\n') && behind[*index].is_none();
                free && !comment.alone
            });
            if let Some(owner) = owner {
                behind[owner] = Some(comment);
                continue;
            }
            // A comment from within stands before the whole.
            let later = pieces.iter().enumerate().filter(|(_, piece)| piece.at > at || piece.end > at);
            match later.min_by_key(|(_, piece)| piece.at) {
                // What stands before everything is about everything.
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

    /// Adds a blank line, if there should be one before what began at `at`.
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

    /// The entries of a list or mapping, one a line.
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
                        // What stands before the first is about all of them.
                        piece.blank = if number == 0 { Blank::Inside } else { Blank::Always };
                    }
                }
            }
            Kind::Scalar { .. } => {}
        }
    }

    /// A value behind its key or dash.
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

    /// Whether the entries of a list or mapping that begins in `column` have lines of their own.
    fn on_lines(&self, node: &Node, form: &'static Form, column: usize) -> bool {
        !matches!(node.kind, Kind::Scalar { .. })
            && (form.breaks == Breaks::Always
                || self.has_block(node)
                || column + self.one_line(node, form).chars().count() > COLUMNS)
    }

    /// Whether some text in a value has lines of its own.
    fn has_block(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Scalar { .. } => self.block(node, 0).is_some(),
            Kind::Sequence(items) => items.iter().any(|item| self.has_block(item)),
            Kind::Mapping(entries) => entries.iter().any(|(_, value)| self.has_block(value)),
        }
    }

    /// A value on one line.
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
        // A key that is nothing is an empty text to the readers, but not without its `?`.
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
        // Nothing must not become an empty text, and a list on one line has no place for it without a sign.
        if text.is_empty() && !is_text {
            return if context == Context::Lines { String::new() } else { "~".to_owned() };
        }
        // What was no plain text and has no quotes has lines of its own.
        let as_written = is_plain_enough(written, context) && (!is_text || written.starts_with(['"', '\'']));
        if as_written { written.to_owned() } else { quoted(text) }
    }

    /// A text that has lines of its own, at another indentation; not one that says how far it is indented, nor one
    /// that would say something else there: blank lines and spaces at an end of it can be part of it.
    fn block(&self, node: &Node, indent: usize) -> Option<String> {
        let Kind::Scalar { quoted: true, .. } = node.kind else { return None };
        let start = line_start(self.text, node.span.start);
        let before = self.text[..start].trim_end();
        let header = &before[before.rfind([' ', '\n']).map_or(0, |at| at + 1)..];
        let commented =
            self.comments.iter().any(|comment| (comment.span.start..=comment.span.end).contains(&before.len()));
        // Every blank line behind a text with `+` is part of it, and the layout adds some.
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

/// Where a scalar stands.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    /// Behind a key, to the end of the line.
    Lines,
    /// Between braces or brackets.
    OneLine,
}

/// Whether a scalar can be written as it was.
fn is_plain_enough(written: &str, context: Context) -> bool {
    let is_quoted = written.starts_with(['"', '\'']);
    !written.contains(['\n', '\r'])
        && (context == Context::Lines
            || is_quoted
            || !written.is_empty() && !written.contains([',', '[', ']', '{', '}']))
}

/// A text in quotes.
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
