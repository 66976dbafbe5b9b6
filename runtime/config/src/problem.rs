//! What is wrong with a file: collected, placed, and shown with the lines it is about.
//!
//! Invariant: a message shows source lines as they stand in the file, with `${NAME}` and not its value.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};

use crate::key::Key;

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Clone, Debug)]
pub struct Report {
    file: String,
    source: String,
    problems: Vec<Problem>,
}

impl std::error::Error for Report {}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The places it is about; the first is where it shows, the others are what it clashes with.
    pub places: Vec<Place>,
    /// The keys that it is about, as far as there are some.
    keys: Vec<Key>,
}

/// A place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is to be said about it; may be empty.
    pub label: String,
    span: Range<usize>,
}

impl Report {
    pub(crate) fn new(file: String, source: String, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.places.first().map(|place| place.span.start));
        problems.dedup();
        Self {
            file,
            source,
            problems,
        }
    }

    /// The file, as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong, in the order of lines; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The same without the lines of the file, which may hold what isn't for everybody: each problem with its place and
    /// what to do.
    pub fn without_lines(&self) -> String {
        let told = |problem: &Problem| {
            let help = problem.help.as_deref();
            let help = help.map_or_else(String::new, |help| format!("\n  help: {help}"));
            format!("{}: {}{help}", self.place_of(problem), problem.message)
        };
        let told: Vec<_> = self.problems.iter().map(told).collect();
        told.join("\n")
    }

    /// Where a problem shows: file, line and column.
    pub fn place_of(&self, problem: &Problem) -> String {
        let file = &self.file;
        let first = problem.places.first();
        first.map_or_else(
            || file.clone(),
            |place| format!("{file}:{}:{}", place.line, place.column),
        )
    }

    fn render(&self, problem: &Problem) -> String {
        let snippet = problem.places.iter().enumerate().fold(
            Snippet::source(&self.source).path(&self.file),
            |snippet, (position, place)| {
                let kind = match position {
                    0 => AnnotationKind::Primary,
                    _ => AnnotationKind::Context,
                };
                let label = (!place.label.is_empty()).then_some(place.label.as_str());
                snippet.annotation(kind.span(place.span.clone()).label(label))
            },
        );
        let mut group = Level::ERROR
            .primary_title(&problem.message)
            .element(snippet);
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        Renderer::plain()
            .decor_style(DecorStyle::Ascii)
            .render(&[group])
    }
}

impl fmt::Display for Report {
    /// Each problem with its lines, then how many there were.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}\n", self.render(problem))?;
        }
        let plural = if self.problems.len() == 1 { "" } else { "s" };
        write!(
            f,
            "{}: {} problem{plural} found",
            self.file,
            self.problems.len()
        )
    }
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            places: Vec::new(),
            keys: Vec::new(),
        }
    }

    pub(crate) fn about(mut self, key: &Key) -> Self {
        self.keys.push(key.clone());
        self
    }

    /// Whether it is about this key, or one above or below it.
    pub(crate) fn is_about(&self, key: &Key) -> bool {
        self.keys.iter().any(|one| one.overlaps(key))
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn place(
        mut self,
        source: &str,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        let span = clamp(source, span);
        let (line, column) = line_and_column(source, span.start);
        self.places.push(Place {
            line,
            column,
            label: label.into(),
            span,
        });
        self
    }
}

/// A span that lies within the text and on character boundaries, whatever came in.
fn clamp(source: &str, span: Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    start..end
}

/// Line and column, from 1, of a byte position.
pub(crate) fn line_and_column(source: &str, position: usize) -> (usize, usize) {
    let before = source.get(..position).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
