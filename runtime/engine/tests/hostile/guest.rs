//! Hostile guests as text, of which each part can be replaced. Nothing binary is kept.

use std::{fmt::Write, path::Path, sync::OnceLock};

use wit_component::StringEncoding;
use wit_parser::{PackageId, Resolve};

/// Where an answer's index stands in a guest's memory, and where its arena does.
const INDEX: usize = 1024;
const ARENA: usize = 32 * 1024;
/// An answer of one output that is the message.
const ECHO: [u32; 14] = [1, 0, 0, 1, 0, 1, NULL, NULL, 0, 0, 0, SAME, SAME, SAME];

pub const NULL: u32 = 0xFFFF_FFFF;
pub const SAME: u32 = 0xFFFF_FFFE;
/// Calls the host for the message, as every handler does.
pub const NEXT: &str = "(drop (call $next (i32.const 0)))";
/// Never ends.
pub const LOOP: &str = "(loop $for_ever (br $for_ever))";

/// What all guests import, whether they use it or not.
const IMPORTS: &str = r#"
  (import "pelton:handler/batch@0.1.0" "next" (func $next (param i32) (result i32)))
  (import "pelton:handler/batch@0.1.0" "emit" (func $emit (param i32 i32 i32 i32)))
  (import "pelton:handler/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (import "pelton:handler/delivery@0.1.0" "attempt" (func $attempt (result i32)))
  (import "pelton:handler/delivery@0.1.0" "id" (func $id (param i32)))
  (import "pelton:handler/settings@0.1.0" "get" (func $get (param i32 i32 i32)))
  (import "pelton:handler/settings@0.1.0" "all" (func $all (param i32)))"#;

/// A handler that is well-behaved as it stands: each part that a test replaces makes it less so.
#[derive(Clone)]
pub struct Guest {
    world: &'static str,
    memory: String,
    /// Further functions, tables, data.
    items: String,
    realloc: String,
    setup: String,
    handle: String,
}

/// A packed handler that answers one message with itself.
pub fn packed() -> Guest {
    let guest = Guest {
        world: "packed",
        memory: "(memory (export \"memory\") 2)".to_owned(),
        items: String::new(),
        realloc:
            "(local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
          (global.set $free (i32.add (local.get $at) (local.get $size)))
          (local.get $at)"
                .to_owned(),
        setup: "(i32.const 512)".to_owned(),
        handle: String::new(),
    };
    guest.answers(&ECHO, b"")
}

/// A simple handler that answers with no output.
pub fn simple() -> Guest {
    let guest = packed();
    Guest {
        world: "handler",
        items: String::new(),
        handle: "(i32.const 1024)".to_owned(),
        ..guest
    }
}

impl Guest {
    pub fn memory(mut self, memory: &str) -> Self {
        self.memory = memory.to_owned();
        self
    }

    /// So many pages of memory.
    pub fn pages(self, pages: u32) -> Self {
        self.memory(&format!("(memory (export \"memory\") {pages})"))
    }

    pub fn with(mut self, item: &str) -> Self {
        self.items.push_str(item);
        self
    }

    pub fn realloc(mut self, body: &str) -> Self {
        self.realloc = body.to_owned();
        self
    }

    pub fn setup(mut self, body: &str) -> Self {
        self.setup = body.to_owned();
        self
    }

    /// What `handle` does. A simple handler's leaves the place of its result.
    pub fn handle(mut self, body: &str) -> Self {
        self.handle = body.to_owned();
        self
    }

    /// Does this before what it would have done.
    pub fn first(mut self, body: &str) -> Self {
        self.handle = format!("{body}\n{}", self.handle);
        self
    }

    /// Emits these words and bytes for the first message.
    pub fn answers(self, index: &[u32], arena: &[u8]) -> Self {
        let (count, length) = (index.len(), arena.len());
        let words: Vec<u8> = index.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.data(INDEX, &words).data(ARENA, arena).handle(&format!(
            "{NEXT} (call $emit (i32.const {ARENA}) (i32.const {length}) (i32.const {INDEX}) (i32.const {count}))"
        ))
    }

    /// Places bytes in the memory.
    pub fn data(self, at: usize, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return self;
        }
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "\\{byte:02x}");
        }
        self.with(&format!("(data (i32.const {at}) \"{text}\")\n"))
    }

    /// Places words in the memory.
    pub fn words(self, at: usize, words: &[u32]) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.data(at, &bytes)
    }

    pub fn text(&self) -> String {
        let Self {
            memory,
            items,
            realloc,
            setup,
            handle,
            ..
        } = self;
        let (imports, exports) = match self.world {
            "packed" => (
                IMPORTS.to_owned(),
                format!(
                    r#"(func (export "pelton:handler/lifecycle@0.1.0#setup") (result i32) {setup})
                    (func $handle (export "pelton:handler/packed-handler@0.1.0#handle") (param $arena i32)
                      (param $arena_length i32) (param $index i32) (param $index_length i32)
                      (local $i i32) (global.set $free (i32.const 65536)) {handle})"#
                ),
            ),
            _ => (
                IMPORTS
                    .lines()
                    .filter(|line| !line.contains("/batch@"))
                    .collect(),
                format!(
                    r#"(func $handle (export "pelton:handler/simple-handler@0.1.0#handle")
                      (param i32 i32 i32 i64 i32 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                      (local $i i32) (global.set $free (i32.const 65536)) {handle})"#
                ),
            ),
        };
        format!(
            r#"(module {imports}
              {memory}
              (global $free (mut i32) (i32.const 65536))
              (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32)
                (param $size i32) (result i32) (local $at i32) {realloc})
              {exports}
              {items})"#
        )
    }

    /// A core module with component-type information, as wit-bindgen's guests are.
    pub fn module(&self) -> Vec<u8> {
        embed(&wat(&self.text()), self.world)
    }

    pub fn component(&self) -> Vec<u8> {
        wit_component::ComponentEncoder::default()
            .validate(true)
            .module(&self.module())
            .unwrap()
            .encode()
            .unwrap()
    }
}

/// Text as bytes.
pub fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error:.500}"))
}

/// Adds component-type information to a core module.
pub fn embed(module: &[u8], world: &str) -> Vec<u8> {
    static CONTRACT: OnceLock<(Resolve, PackageId)> = OnceLock::new();
    let (resolve, package) = CONTRACT.get_or_init(|| {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let (package, _) = resolve.push_dir(wit).unwrap();
        (resolve, package)
    });
    let world = resolve.select_world(&[*package], Some(world)).unwrap();
    let mut module = module.to_vec();
    wit_component::embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .unwrap();
    module
}

/// A custom section of so many bytes.
pub fn custom_section(bytes: usize) -> Vec<u8> {
    let mut body = b"\x03pad".to_vec();
    body.resize(bytes.max(4), b'x');
    section(0, &body)
}

/// A section with its head.
pub fn section(id: u8, body: &[u8]) -> Vec<u8> {
    let mut section = vec![id];
    let mut length = body.len();
    while length > 0x7F {
        section.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    section.push(length as u8);
    section.extend(body);
    section
}
