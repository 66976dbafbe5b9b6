//! What the checks found so far, and how they say it.
//!
//! Invariant: a finding about a key that was blamed already is dropped, because it is a consequence.

use crate::{
    key::Key,
    problem::{Problem, line_and_column},
    tree::Tree,
};

/// Collects what is wrong with a file.
pub(crate) struct Findings<'s> {
    source: &'s str,
    /// The file, as messages call it.
    pub what: &'static str,
    pub tree: Tree<'s>,
    /// Keys with a value from the environment: it must not be printed.
    pub replaced: Vec<Key>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

/// A finding about keys, not yet placed in the file.
pub(crate) struct Finding {
    message: String,
    help: Option<String>,
    about: Vec<About>,
}

struct About {
    key: Key,
    label: String,
    part: Part,
}

/// What of a key is meant.
enum Part {
    Name,
    Value,
}

impl Finding {
    /// A finding; the message names the keys.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            about: Vec::new(),
        }
    }

    /// It is about the value of this key. The first one is where it shows; the others clash with it.
    pub fn value(self, key: &Key, label: impl Into<String>) -> Self {
        self.about(key, label, Part::Value)
    }

    /// It is about the key itself.
    pub fn name(self, key: &Key, label: impl Into<String>) -> Self {
        self.about(key, label, Part::Name)
    }

    /// What to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn about(mut self, key: &Key, label: impl Into<String>, part: Part) -> Self {
        self.about.push(About {
            key: key.clone(),
            label: label.into(),
            part,
        });
        self
    }
}

impl<'s> Findings<'s> {
    pub fn new(source: &'s str, what: &'static str, tree: Tree<'s>) -> Self {
        Self {
            source,
            what,
            tree,
            replaced: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds a problem that is placed already.
    pub fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether the key is in the file and was not blamed.
    pub fn has(&self, key: &Key) -> bool {
        self.tree.spot(key).is_some() && !self.tree.is_broken(key)
    }

    /// Whether the key was blamed already.
    pub fn is_broken(&self, key: &Key) -> bool {
        self.tree.is_broken(key)
    }

    /// Reports a mistake, unless it follows from one that is reported already.
    /// Where the first key is not in the file, the table around it is shown; other missing keys have no place.
    pub fn refuse(&mut self, finding: Finding) {
        if finding
            .about
            .iter()
            .any(|about| self.tree.is_broken(&about.key))
        {
            return;
        }
        let mut problem = Problem::new(finding.message);
        problem.help = finding.help;
        for (position, about) in finding.about.into_iter().enumerate() {
            problem = problem.about(&about.key);
            let spot = match position {
                0 => self.tree.nearest(&about.key),
                _ => self.tree.spot(&about.key),
            };
            let span = match (spot, about.part) {
                (Some(spot), Part::Name) => spot.key.clone(),
                (Some(spot), Part::Value) => spot.value.clone(),
                (None, _) if position == 0 => 0..0,
                (None, _) => continue,
            };
            problem = problem.place(self.source, span, about.label);
        }
        self.problems.push(problem);
    }

    /// Remarks on something that is allowed but probably not meant.
    pub fn warn(&mut self, file: &str, key: &Key, message: &str) {
        if self.tree.is_broken(key) {
            return;
        }
        let start = self.tree.nearest(key).map_or(0, |spot| spot.value.start);
        let (line, column) = line_and_column(self.source, start);
        self.warnings
            .push(format!("{file}:{line}:{column}: {message}"));
    }

    /// Whether nothing is wrong so far.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// What was found: problems, warnings.
    pub fn into_parts(self) -> (Vec<Problem>, Vec<String>) {
        (self.problems, self.warnings)
    }
}
