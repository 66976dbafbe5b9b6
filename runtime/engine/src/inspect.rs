//! What can be said about a component without running it.

use std::fmt;

/// The two ways to call a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Many messages in one call (`pelton:handler/packed-handler`).
    Packed,
    /// One message a call (`pelton:handler/simple-handler`).
    Simple,
}

impl Interface {
    /// The name as it stands in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Simple => "simple",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An import of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name, with its version.
    pub name: String,
    /// Whether every handler is given it.
    pub granted: bool,
    /// The line of the configuration that grants it to one, where there is such a line.
    pub grant: Option<String>,
}

/// What a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The SHA-256 of the bytes, in hexadecimal, as `sha256sum` prints it.
    pub digest: String,
    /// How many bytes.
    pub bytes: usize,
    /// Whether it is a core module, which is made a component when it is loaded.
    pub core_module: bool,
    /// What it imports.
    pub imports: Vec<Import>,
    /// The names it exports.
    pub exports: Vec<String>,
    /// Whether it can be called with many messages.
    pub packed: bool,
    /// Whether it can be called with one message.
    pub simple: bool,
    /// Whether it has a set-up.
    pub lifecycle: bool,
    /// What it was made with, as its tools wrote it down: the kind (`language`, `processed-by`, `sdk`), then the tool
    /// with its version. Sorted; nothing of it is checked.
    pub producers: Vec<(String, String)>,
}

impl Inspection {
    /// The world of the contract that its exports make up; `None` if they make up none.
    pub fn world(&self) -> Option<&'static str> {
        match (self.packed, self.simple, self.lifecycle) {
            (true, _, _) => Some("pelton:handler/packed@0.1.0"),
            (false, true, true) => Some("pelton:handler/handler-with-setup@0.1.0"),
            (false, true, false) => Some("pelton:handler/handler@0.1.0"),
            (false, false, _) => None,
        }
    }

    /// The imports that no handler is given by itself, each with the line of the configuration that grants it, if there
    /// is one.
    pub fn needs_grants(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let needed = self.imports.iter().filter(|import| !import.granted);
        needed.map(|import| (import.name.as_str(), import.grant.as_deref()))
    }

    /// How it would be called; `None` if it is no handler. Where both ways exist, packed wins.
    pub fn interface(&self) -> Option<Interface> {
        match (self.packed, self.simple) {
            (true, _) => Some(Interface::Packed),
            (false, true) => Some(Interface::Simple),
            (false, false) => None,
        }
    }
}
