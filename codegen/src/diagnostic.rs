//! A mistake in a source, and how a person reads it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::source::{Source, Span};

/// Places further apart than this are shown as two excerpts: the text between them is not copied.
const EXCERPT_LINES: usize = 12;

/// One mistake: what is wrong, where, with what it clashes, and what to do about it.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    message: String,
    place: Span,
    label: String,
    others: Vec<(Span, String)>,
    notes: Vec<String>,
    helps: Vec<String>,
}

impl Diagnostic {
    /// A mistake at `place`, where `label` is written under the offending text.
    pub fn new(message: impl Into<String>, place: Span, label: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place,
            label: label.into(),
            others: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    /// Adds another place that has to do with the mistake.
    #[must_use]
    pub fn other(mut self, place: Span, label: impl Into<String>) -> Self {
        self.others.push((place, label.into()));
        self
    }

    /// Adds a sentence that says why.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a sentence that says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Adds "did you mean" when one of `known` is close to `word`, else lists what is known.
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

    /// What is wrong, in one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it is wrong.
    #[must_use]
    pub fn place(&self) -> Span {
        self.place
    }

    fn render(&self, files: &[Lines<'_>], renderer: &Renderer) -> String {
        let primary = (AnnotationKind::Primary, self.place, &self.label);
        let others = self.others.iter().map(|(place, label)| (AnnotationKind::Context, *place, label));
        let mut excerpts: Vec<(&Lines<'_>, Vec<Marked<'_>>)> = Vec::new();
        for (kind, place, label) in std::iter::once(primary).chain(others) {
            let Some((lines, place)) = files.iter().find_map(|lines| Some((lines, lines.on_one_line(place)?))) else {
                continue;
            };
            let near = excerpts.iter_mut().find(|(file, excerpt)| {
                let near = |other: usize| lines.number(other).abs_diff(lines.number(place.start)) < EXCERPT_LINES;
                std::ptr::eq(*file, lines) && excerpt.iter().all(|other| near(other.1.start))
            });
            match near {
                Some((_, excerpt)) => excerpt.push((kind, place, label)),
                None => excerpts.push((lines, vec![(kind, place, label)])),
            }
        }
        let snippets = excerpts.into_iter().map(|(lines, excerpt)| {
            let start = excerpt.iter().map(|place| lines.around(place.1.start).start).min().unwrap_or(0);
            let end = excerpt.iter().map(|place| lines.around(place.1.end).end).max().unwrap_or(start);
            Snippet::source(lines.text(start..end))
                .path(lines.source.name())
                .line_start(lines.number(start) + 1)
                .annotations(excerpt.into_iter().map(move |(kind, place, label)| {
                    let annotation = kind.span(place.start - start..place.end - start);
                    if label.is_empty() { annotation } else { annotation.label(label.as_str()) }
                }))
        });
        let notes = self.notes.iter().map(|text| Level::NOTE.message(text.as_str()));
        let helps = self.helps.iter().map(|text| Level::HELP.message(text.as_str()));
        let group =
            Level::ERROR.primary_title(self.message.as_str()).elements(snippets).elements(notes).elements(helps);
        renderer.render(&[group])
    }
}

/// A place in a line, and what is said there.
type Marked<'a> = (AnnotationKind, Range<usize>, &'a String);

/// The mistakes found so far.
#[derive(Debug, Clone, Default)]
pub struct Mistakes(Vec<Diagnostic>);

impl Mistakes {
    /// Adds one.
    pub fn report(&mut self, mistake: impl Into<Diagnostic>) {
        self.0.push(mistake.into());
    }

    /// Adds others.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// How many there are.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// All mistakes of a source, in the order of their places. It displays as plain text.
#[derive(Debug, Clone)]
pub struct Report {
    source: Source,
    /// What it was read together with.
    others: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// The report of what was found wrong with `source`.
    pub fn new(source: Source, mistakes: Mistakes) -> Self {
        let Mistakes(mut diagnostics) = mistakes;
        diagnostics.sort_by_key(Diagnostic::place);
        Self { source, others: Vec::new(), diagnostics }
    }

    /// The report of what was found wrong with `source`, read together with `other`, which some of the places are in.
    ///
    /// A mistake that has to do with both is told at the place in `source`: that is where something can be done about it.
    pub fn together(source: Source, other: Source, mistakes: Mistakes) -> Self {
        let Mistakes(mut diagnostics) = mistakes;
        for diagnostic in &mut diagnostics {
            let Diagnostic { place, label, others, .. } = diagnostic;
            if source.offset(place.start).is_none()
                && let Some(own) = others.iter_mut().find(|(place, _)| source.offset(place.start).is_some())
            {
                std::mem::swap(place, &mut own.0);
                std::mem::swap(label, &mut own.1);
            }
        }
        Self { others: vec![other], ..Self::new(source, Mistakes(diagnostics)) }
    }

    /// The single mistakes.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The report as a compiler would print it, in colour if wished.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let files: Vec<_> = std::iter::once(&self.source).chain(&self.others).map(Lines::of).collect();
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text += &diagnostic.render(&files, &renderer);
            text += "\n\n";
        }
        let count = match self.diagnostics.len() {
            1 => "1 mistake".to_owned(),
            count => format!("{count} mistakes"),
        };
        let total = format!("{} has {count}", self.source.name());
        text += &renderer.render(&[annotate_snippets::Group::with_title(Level::ERROR.primary_title(total))]);
        text.push('\n');
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Where the lines of a source begin, so that an excerpt costs what it shows and not the whole file.
struct Lines<'a> {
    source: &'a Source,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(source: &'a Source) -> Self {
        let ends = source.text().match_indices('\n').map(|(at, _)| at + 1);
        Self { source, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The number of the line at `offset`, from 0.
    fn number(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The line at `offset`, without its end.
    fn around(&self, offset: usize) -> Range<usize> {
        let number = self.number(offset);
        let start = self.starts.get(number).copied().unwrap_or(0);
        let end = self.starts.get(number + 1).copied().unwrap_or(self.source.text().len());
        start..start + self.text(start..end).trim_end().len()
    }

    /// The part of `place` on its first line, if it is in this source: enough to find it, and an excerpt stays short.
    fn on_one_line(&self, place: Span) -> Option<Range<usize>> {
        let start = self.source.offset(place.start)?;
        let line = self.around(start);
        let end = start + place.end.saturating_sub(place.start);
        let start = start.min(line.end);
        Some(start..end.clamp(start, line.end.max(start)))
    }

    fn text(&self, range: Range<usize>) -> &'a str {
        self.source.text().get(range).unwrap_or("")
    }
}

/// The one of `known` that `word` was most likely meant to be.
pub(crate) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (lower, length) = (word.to_lowercase(), word.chars().count());
    known
        .into_iter()
        .filter_map(|known| {
            let (shorter, longer) = (known.chars().count().min(length), known.chars().count().max(length));
            // A word of one letter is close to every other: that would be no advice.
            let close = |distance: usize| distance <= 1 + shorter / 4 && distance < shorter;
            // So many letters are missing at least, without looking at them.
            let distance =
                close(longer - shorter).then(|| strsim::damerau_levenshtein(&lower, &known.to_lowercase()))?;
            close(distance).then_some((distance, known))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
