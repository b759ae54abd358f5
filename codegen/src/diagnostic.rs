//! Errors in a source and warnings about it, and how they are printed.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::source::{Source, Span};

/// Spans at least this many lines apart get an excerpt each, so that the text between them is not copied.
const EXCERPT_LINES: usize = 12;

/// One error or warning: the broken rule, the span that breaks it, the spans that it conflicts with, and the remedy.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The name of the lint, if it is a warning.
    lint: Option<&'static str>,
    message: String,
    primary_span: Span,
    label: String,
    secondary: Vec<(Span, String)>,
    notes: Vec<String>,
    helps: Vec<String>,
}

impl Diagnostic {
    /// Creates an error at `primary_span`. The label is printed below the text of the span.
    pub fn new(message: impl Into<String>, primary_span: Span, label: impl Into<String>) -> Self {
        Self {
            lint: None,
            message: message.into(),
            primary_span,
            label: label.into(),
            secondary: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    /// Makes it a warning of a lint.
    #[must_use]
    pub fn lint(self, name: &'static str) -> Self {
        Self { lint: Some(name), ..self }
    }

    /// Adds another span that the error involves.
    #[must_use]
    pub fn secondary(mut self, span: Span, label: impl Into<String>) -> Self {
        self.secondary.push((span, label.into()));
        self
    }

    /// Adds a note: the source of the rule.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a help: what to write instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Adds "did you mean" if one of `known` is close to `word`. Otherwise lists the first of `known`.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<_> = known.into_iter().collect();
        match closest(word, known.iter().copied()) {
            Some(close) => self.help(format!("did you mean `{close}`?")),
            None if known.is_empty() => self,
            None => {
                let shown = known.iter().take(20).map(|word| format!("`{word}`"));
                let more = if known.len() > 20 { ", ..." } else { "" };
                self.help(format!("known: {}{more}", shown.collect::<Vec<_>>().join(", ")))
            }
        }
    }

    /// Returns the message: the broken rule, in one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the span that breaks the rule.
    #[must_use]
    pub fn primary_span(&self) -> Span {
        self.primary_span
    }

    fn render(&self, files: &[Lines<'_>], renderer: &Renderer) -> String {
        let primary = (AnnotationKind::Primary, self.primary_span, &self.label);
        let secondary = self.secondary.iter().map(|(span, label)| (AnnotationKind::Context, *span, label));
        let mut excerpts: Vec<(&Lines<'_>, Vec<Marked<'_>>)> = Vec::new();
        for (kind, span, label) in std::iter::once(primary).chain(secondary) {
            let Some((lines, range)) = files.iter().find_map(|lines| Some((lines, lines.on_one_line(span)?))) else {
                continue;
            };
            let near = excerpts.iter_mut().find(|(file, excerpt)| {
                let near = |other: usize| lines.number(other).abs_diff(lines.number(range.start)) < EXCERPT_LINES;
                std::ptr::eq(*file, lines) && excerpt.iter().all(|other| near(other.1.start))
            });
            match near {
                Some((_, excerpt)) => excerpt.push((kind, range, label)),
                None => excerpts.push((lines, vec![(kind, range, label)])),
            }
        }
        let snippets = excerpts.into_iter().map(|(lines, excerpt)| {
            let start = excerpt.iter().map(|marked| lines.around(marked.1.start).start).min().unwrap_or(0);
            let end = excerpt.iter().map(|marked| lines.around(marked.1.end).end).max().unwrap_or(start);
            Snippet::source(lines.text(start..end))
                .path(lines.source.name())
                .line_start(lines.number(start) + 1)
                .annotations(excerpt.into_iter().map(move |(kind, range, label)| {
                    let annotation = kind.span(range.start - start..range.end - start);
                    if label.is_empty() { annotation } else { annotation.label(label.as_str()) }
                }))
        });
        let notes = self.notes.iter().map(|text| Level::NOTE.message(text.as_str()));
        let helps = self.helps.iter().map(|text| Level::HELP.message(text.as_str()));
        let title = match self.lint {
            None => Level::ERROR.primary_title(self.message.as_str()),
            Some(name) => Level::WARNING.primary_title(self.message.as_str()).id(name),
        };
        let group = title.elements(snippets).elements(notes).elements(helps);
        renderer.render(&[group])
    }
}

/// A range of a line, and its label.
type Marked<'a> = (AnnotationKind, Range<usize>, &'a String);

/// The errors found so far.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn report(&mut self, error: impl Into<Diagnostic>) {
        self.0.push(error.into());
    }

    /// Adds others.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns the number of errors.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there is no error.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// All errors of a source, or all warnings about it, sorted by span. It displays as plain text.
#[derive(Debug, Clone)]
pub struct Report {
    source: Source,
    /// The sources that were read together with it.
    others: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Creates the report of the errors in `source`.
    pub fn new(source: Source, diagnostics: Diagnostics) -> Self {
        let Diagnostics(mut diagnostics) = diagnostics;
        diagnostics.sort_by_key(Diagnostic::primary_span);
        Self { source, others: Vec::new(), diagnostics }
    }

    /// Creates the report of the errors in `source`, which was read together with `other`.
    ///
    /// An error that involves both files gets its primary span in `source`: that is the file to correct.
    pub fn together(source: Source, other: Source, diagnostics: Diagnostics) -> Self {
        let Diagnostics(mut diagnostics) = diagnostics;
        for diagnostic in &mut diagnostics {
            let Diagnostic { primary_span, label, secondary, .. } = diagnostic;
            if source.offset(primary_span.start).is_none()
                && let Some(own) = secondary.iter_mut().find(|(span, _)| source.offset(span.start).is_some())
            {
                std::mem::swap(primary_span, &mut own.0);
                std::mem::swap(label, &mut own.1);
            }
        }
        Self { others: vec![other], ..Self::new(source, Diagnostics(diagnostics)) }
    }

    /// Returns the errors.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns each warning on one line, with its location and its lint.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let lines = Lines::of(&self.source);
        self.diagnostics.iter().map(move |Diagnostic { lint, message, primary_span, .. }| {
            let start = self.source.offset(primary_span.start).unwrap_or(0);
            let column = lines.text(lines.around(start).start..start).chars().count();
            let (file, line) = (self.source.name(), lines.number(start));
            format!("{file}:{}:{}: {message} [{}]", line + 1, column + 1, lint.unwrap_or("error"))
        })
    }

    /// Renders the report as a compiler prints it, in colour if `colour` is set.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let files: Vec<_> = std::iter::once(&self.source).chain(&self.others).map(Lines::of).collect();
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text += &diagnostic.render(&files, &renderer);
            text += "\n\n";
        }
        let warns = self.diagnostics.iter().all(|diagnostic| diagnostic.lint.is_some());
        let (level, what) = if warns { (Level::WARNING, "warning") } else { (Level::ERROR, "error") };
        let plural = match self.diagnostics.len() {
            0 => return text,
            1 => "",
            _ => "s",
        };
        let total = format!("{} has {} {what}{plural}", self.source.name(), self.diagnostics.len());
        text += &renderer.render(&[annotate_snippets::Group::with_title(level.primary_title(total))]);
        text.push('\n');
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// The offsets of the lines of a source, so that rendering an excerpt takes time for its lines only.
struct Lines<'a> {
    source: &'a Source,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(source: &'a Source) -> Self {
        let ends = source.text().match_indices('\n').map(|(at, _)| at + 1);
        Self { source, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Returns the number of the line at `offset`, from 0.
    fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Returns the range of the line at `offset`, without the line end.
    fn around(&self, offset: usize) -> Range<usize> {
        let number = self.number(offset);
        let start = self.starts.get(number).copied().unwrap_or(0);
        let end = self.starts.get(number + 1).copied().unwrap_or(self.source.text().len());
        start..start + self.text(start..end).trim_end().len()
    }

    /// Returns the part of `span` on its first line, or `None` if the span is in another source.
    fn on_one_line(&self, span: Span) -> Option<Range<usize>> {
        let start = self.source.offset(span.start)?;
        let line = self.around(start);
        let end = start + span.end.saturating_sub(span.start);
        let start = start.min(line.end);
        Some(start..end.clamp(start, line.end.max(start)))
    }

    fn text(&self, range: Range<usize>) -> &'a str {
        self.source.text().get(range).unwrap_or("")
    }
}

/// Returns the one of `known` that is closest to `word`, if any is close.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (lower, length) = (word.to_lowercase(), word.chars().count());
    known
        .into_iter()
        .filter_map(|known| {
            let (shorter, longer) = (known.chars().count().min(length), known.chars().count().max(length));
            // A word of one letter is close to every other one, so a suggestion would be useless.
            let close = |distance: usize| distance <= 1 + shorter / 4 && distance < shorter;
            // The difference in length is the least possible distance, so most words need no comparison.
            let distance =
                close(longer - shorter).then(|| strsim::damerau_levenshtein(&lower, &known.to_lowercase()))?;
            close(distance).then_some((distance, known))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
