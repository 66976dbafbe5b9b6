//! What is wrong with a file: collected, placed, and shown with the lines it is about.
//!
//! Invariant: a message shows source lines as they stand in the file, with `${NAME}` and not its value.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, renderer::DecorStyle};

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
        }
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
