//! Components are compiled in a process of its own: whatever a file does to the compiler, it is refused with the
//! limit that it hit, and nothing of it stays.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program: its helpers fail as loudly as its tests"
)]

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use pelton_engine::{
    CacheSettings, ChildCompiler, Compilations, Compiler, Engine, EngineSettings, LoadError,
};
use tempfile::TempDir;

const PELTON: &str = env!("CARGO_BIN_EXE_pelton");
/// Far beyond what anything here takes.
const LONG: Duration = Duration::from_secs(120);

fn engine(program: &Path, time: Duration, memory_bytes: u64) -> Engine {
    engine_with(program, time, memory_bytes, None)
}

fn engine_with(
    program: &Path,
    time: Duration,
    memory_bytes: u64,
    cache: Option<CacheSettings>,
) -> Engine {
    Engine::new(&EngineSettings {
        slots: 1,
        max_memory_bytes: 1 << 20,
        max_table_elements: 1000,
        stack_bytes: 512 << 10,
        max_component_bytes: 64 << 20,
        compiler: Compiler::Child(ChildCompiler {
            program: program.to_owned(),
            time,
            memory_bytes,
            cache,
        }),
    })
    .unwrap()
}

fn refusal(engine: &Engine, bytes: &[u8]) -> LoadError {
    engine.inspect(bytes).expect_err("it is refused")
}

/// A file of 200 KB that keeps the compiler busy for minutes.
fn nested_blocks() -> Vec<u8> {
    let blocks = 100_000;
    let (begin, end) = ("block ".repeat(blocks), "end ".repeat(blocks));
    wat::parse_str(format!("(component (core module (func {begin} {end})))")).unwrap()
}

/// A component with so many bytes of nothing.
fn padded(bytes: usize) -> Vec<u8> {
    let mut file = wat::parse_str("(component)").unwrap();
    let mut length = bytes + 1;
    file.push(0);
    while length >= 0x80 {
        file.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    file.push(length as u8);
    file.resize(file.len() + bytes + 1, 0);
    file
}

/// A compiler that is none, but a shell script.
fn script(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("compiler");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The processes that a process has started and that haven't ended.
fn children(of: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent(*id) == Some(of)).collect()
}

/// The parent of a process that runs.
fn parent(id: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, after) = status.rsplit_once(')')?;
    let mut words = after.split_whitespace();
    (words.next() != Some("Z")).then(|| words.next()?.parse().ok())?
}

fn until(what: &str, mut met: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !met() {
        assert!(begun.elapsed() < LONG, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_component_comes_back_compiled_or_refused_as_in_process() {
    let engine = engine(Path::new(PELTON), LONG, 1 << 30);
    let inspection = engine
        .inspect(&wat::parse_str("(component)").unwrap())
        .unwrap();
    assert!(inspection.exports.is_empty());
    let bare = refusal(&engine, b"\0asm\x01\0\0\0");
    assert_eq!(bare, LoadError::NoComponentType);
    let mut broken = wat::parse_str("(component (core module (func)))").unwrap();
    broken.truncate(broken.len() - 1);
    let broken = refusal(&engine, &broken);
    assert!(matches!(broken, LoadError::Invalid { .. }), "{broken}");
}

#[test]
fn a_hundred_thousand_nested_blocks_are_refused_when_the_time_is_over() {
    let time = Duration::from_secs(1);
    let engine = engine(Path::new(PELTON), time, 1 << 30);
    let refused = refusal(&engine, &nested_blocks());
    assert_eq!(refused, LoadError::CompileTime { limit: time });
    assert!(
        refused.to_string().contains("daemon.compile-timeout"),
        "{refused}"
    );
}

#[test]
fn a_compilation_that_nobody_waits_for_any_more_is_ended() {
    let folder = TempDir::new().unwrap();
    let begun = folder.path().join("begun");
    let text = format!("echo > {}\nexec sleep 1000", begun.display());
    let (engine, waits) = engine(&script(&folder, &text), LONG, 1 << 30).while_waited_for();
    let abandoned = || {
        let refused = refusal(&engine, &padded(10)).to_string();
        refused.contains("nobody waits for it any more")
    };
    thread::scope(|scope| {
        let loading = scope.spawn(abandoned);
        until("the compiler to begin", || begun.exists());
        drop(waits);
        assert!(loading.join().unwrap());
    });
    fs::remove_file(&begun).unwrap();
    assert!(abandoned());
    assert!(!begun.exists(), "it was begun, though nobody waits");
}

#[test]
fn what_needs_more_memory_than_there_may_be_is_refused() {
    let memory = 64 << 20;
    let engine = engine(Path::new(PELTON), LONG, memory);
    engine.inspect(&padded(1 << 20)).unwrap();
    let refused = refusal(&engine, &padded(60 << 20));
    assert_eq!(refused, LoadError::CompileMemory { limit: memory });
    assert!(
        refused.to_string().contains("daemon.compile-memory"),
        "{refused}"
    );
}

#[test]
fn a_compiler_that_ends_or_talks_nonsense_is_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("kill -9 $$", "SIGKILL"),
        ("echo out of luck >&2; exit 3", "out of luck"),
        ("echo '{\"code\":3}'; echo ab", "exit status: 0"),
        ("echo '{\"code\":9}'; echo ab", "exit status: 0"),
        ("head -c 100000 /dev/zero", "exit status: 0"),
        ("cat; exit 1", "exit status: 1"),
    ] {
        let engine = engine(&script(&folder, text), LONG, 1 << 30);
        let refused = refusal(&engine, &padded(1 << 20));
        let LoadError::CompilerDied { how } = &refused else {
            // Three bytes are an answer; that they are no code is found when they are loaded.
            assert!(
                matches!(refused, LoadError::Invalid { .. }),
                "{text}: {refused}"
            );
            continue;
        };
        assert!(how.contains(expected), "{text}: {how}");
    }
    let silent = engine(
        &script(&folder, "exec sleep 600"),
        Duration::from_millis(200),
        1 << 30,
    );
    let refused = refusal(&silent, &padded(1 << 20));
    assert!(
        matches!(refused, LoadError::CompileTime { .. }),
        "{refused}"
    );
    let missing = engine(&folder.path().join("missing"), LONG, 1 << 30);
    let refused = refusal(&missing, &padded(1));
    assert!(
        matches!(refused, LoadError::CompilerUnavailable { .. }),
        "{refused}"
    );
}

/// The child sees none of its parent's environment and none of its descriptors, and is bounded from its start.
#[test]
fn a_child_has_its_pipes_its_bounds_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (config, component) = (
        folder.path().join("pelton.toml"),
        folder.path().join("h.wasm"),
    );
    fs::write(&component, nested_blocks()).unwrap();
    fs::write(&config, CONFIG).unwrap();
    // The shell leaves a descriptor open for whoever it starts.
    let open = format!(
        "exec 9</dev/null; exec {PELTON} check -c {}",
        config.display()
    );
    let mut checks = Command::new("/bin/sh")
        .args(["-c", &open])
        .env("SECRET", "hunter2")
        .env("CACHE_DIRECTORY", folder.path().join("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let child = child_at_work(&checks);
    let read = |file: &str| fs::read_to_string(format!("/proc/{child}/{file}")).unwrap();
    assert!(!read("environ").contains("hunter2"));
    let mut open: Vec<_> = fs::read_dir(format!("/proc/{child}/fd"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    open.sort();
    assert_eq!(open, ["0", "1", "2"]);
    let limits = read("limits");
    for (name, limit) in [
        ("Max data size", "1073741824"),
        ("Max core file size", "0"),
        ("Max file size", "0"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let words: Vec<_> = line[name.len()..].split_whitespace().collect();
        assert_eq!(words[..2], [limit, limit], "{line}");
    }
    checks.kill().unwrap();
    checks.wait().unwrap();
    until("the child to end with its parent", || {
        parent(child).is_none()
    });
}

/// An engine as a daemon's next life has it.
fn next_life(cache: &Path) -> Engine {
    let settings = CacheSettings {
        folder: cache.to_owned(),
        max_bytes: 64 << 20,
    };
    engine_with(Path::new(PELTON), LONG, 1 << 30, Some(settings))
}

#[test]
fn what_was_compiled_once_is_not_compiled_again_unless_it_was_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let component = wat::parse_str("(component (core module (func nop)))").unwrap();
    let life = || {
        let engine = next_life(&cache);
        engine.inspect(&component).unwrap();
        engine.compilation_counts().now()
    };
    let misses = Compilations {
        compiled: 1,
        misses: 1,
        ..Compilations::default()
    };
    let hits = Compilations {
        hits: 1,
        ..Compilations::default()
    };
    let rejects = Compilations {
        compiled: 1,
        rejects: 1,
        ..Compilations::default()
    };
    assert_eq!([life(), life()], [misses, hits]);
    let file = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "code"))
        .unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!([life(), life()], [rejects, hits]);
    // What is no component is not kept.
    let engine = next_life(&cache);
    refusal(&engine, b"\0asm\x01\0\0\0");
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 2);
}

#[test]
fn what_many_ask_for_at_once_is_compiled_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = next_life(&folder.path().join("cache"));
    let component = wat::parse_str("(component (core module (func nop)))").unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| engine.inspect(&component).unwrap());
        }
    });
    let counts = engine.compilation_counts().now();
    assert_eq!((counts.compiled, counts.hits), (1, 7));
}

#[test]
fn without_a_folder_that_can_be_used_it_goes_on_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let engine = next_life(&file);
    let component = wat::parse_str("(component)").unwrap();
    engine.inspect(&component).unwrap();
    engine.inspect(&component).unwrap();
    let counts = engine.compilation_counts().now();
    assert_eq!((counts.compiled, counts.hits), (2, 0));
}

const CONFIG: &str = r#"
[clusters.default]
bootstrap-servers = "embedded"
[handlers.slow]
component = "h.wasm"
topics = ["a"]
[daemon]
compile-timeout = "10m"
"#;

/// The child of a process, once it has done with its preparations.
fn child_at_work(of: &Child) -> u32 {
    let mut found = None;
    until("a child that compiles", || {
        found = children(of.id()).into_iter().find(|id| {
            fs::read_to_string(format!("/proc/{id}/limits")).is_ok_and(|limits| {
                limits
                    .lines()
                    .any(|line| line.starts_with("Max file size") && line.contains(" 0 "))
            })
        });
        found.is_some()
    });
    found.expect("just found")
}

/// `pelton compile` by hand, with this component on its standard input.
fn by_hand(args: &[&str], component: &[u8]) -> Output {
    let mut child = Command::new(PELTON)
        .arg("compile")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(component));
        child.wait_with_output().unwrap()
    })
}

#[test]
fn by_hand_it_answers_and_keeps_to_its_bounds() {
    let small = wat::parse_str("(component)").unwrap();
    let fine = by_hand(&[], &small);
    assert!(fine.status.success() && fine.stdout.starts_with(b"{\"code\":"));
    let large = by_hand(&["--component-bytes", "7"], &small);
    assert!(large.stdout.starts_with(b"{\"refused\":{\"too-large\":"));
    let slow = by_hand(&["--cpu-seconds", "1"], &nested_blocks());
    assert!(
        slow.status.signal().is_some() && slow.stdout.is_empty(),
        "{:?}",
        slow.status
    );
    // Process 1 is no parent of this one.
    let orphan = by_hand(&["--parent", "1"], &small);
    assert_eq!(orphan.status.code(), Some(1));
    assert!(orphan.stdout.is_empty());
}
