//! Files that only a file system makes. The rest of the hostile corpus is in `runtime/engine/tests/hostile`.

use std::{
    fs,
    io::{Seek, Write},
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::*;

const MOST: usize = 1 << 20;

fn seen(path: &Path, last: &Found) -> (Found, Result<Bytes, String>) {
    let (found, seen) = look(path, MOST, last);
    let told = match seen {
        Seen::Content { bytes, .. } => Ok(bytes),
        Seen::Same => Err("same".to_owned()),
        Seen::Missing => Err("missing".to_owned()),
        Seen::Unreadable { why } => Err(why),
    };
    (found, told)
}

fn refusal(path: &Path) -> String {
    let (found, told) = seen(path, &Found::Unknown);
    let why = told.unwrap_err();
    // It is said once.
    assert_eq!(seen(path, &found).1.unwrap_err(), "same");
    why
}

#[test]
fn links_in_a_circle_folders_pipes_and_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    symlink(path("b"), path("a")).unwrap();
    symlink(path("a"), path("b")).unwrap();
    assert!(refusal(&path("a")).contains("symbolic link"));
    symlink(path("itself"), path("itself")).unwrap();
    assert!(refusal(&path("itself")).contains("symbolic link"));
    symlink(path("nowhere"), path("dangling")).unwrap();
    assert_eq!(refusal(&path("dangling")), "missing");
    assert!(refusal(folder.path()).contains("not a regular file"));
    assert!(refusal(Path::new("/dev/zero")).contains("not a regular file"));
    let pipe = path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    assert!(refusal(&pipe).contains("not a regular file"));
    assert!(refusal(&pipe.join("below")).contains("Not a directory"));
}

#[test]
fn a_file_behind_links_is_read_and_one_that_is_too_large_is_cut_behind_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "content").unwrap();
    symlink(path("file"), path("link")).unwrap();
    symlink(path("link"), path("link to it")).unwrap();
    let (_, told) = seen(&path("link to it"), &Found::Unknown);
    assert_eq!(told.unwrap(), "content");
    File::create(path("large"))
        .unwrap()
        .set_len(50 << 20)
        .unwrap();
    let (_, told) = seen(&path("large"), &Found::Unknown);
    assert_eq!(told.unwrap().len(), MOST + 1);
}

#[test]
fn a_file_that_just_changed_is_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "1").unwrap();
    let (found, told) = seen(&path, &Found::Unknown);
    assert_eq!(told.unwrap(), "1");
    // So soon that the time may be the same.
    fs::write(&path, "2").unwrap();
    let (_, told) = seen(&path, &found);
    assert_eq!(told.unwrap(), "2");
    thread::sleep(2 * SETTLED);
    let (found, told) = seen(&path, &Found::Unknown);
    assert_eq!(told.unwrap(), "2");
    assert_eq!(seen(&path, &found).1.unwrap_err(), "same");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let content = |byte: u8| vec![byte; MOST / 2];
    fs::write(&path, content(0)).unwrap();
    let stop = AtomicBool::new(false);
    let (mut whole, mut changing, mut believed) = (0, 0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::options().write(true).open(&path).unwrap();
            for byte in (0..=255).cycle() {
                file.rewind().unwrap();
                for part in content(byte).chunks(4096) {
                    file.write_all(part).unwrap();
                }
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_millis(3));
            }
        });
        for _ in 0..300 {
            let (found, told) = seen(&path, &Found::Unknown);
            let torn = match told {
                Ok(bytes) => bytes.iter().any(|byte| *byte != bytes[0]),
                Err(why) => why == "same",
            };
            // One that began within the time's step can slip through as content. Either way the next look reads again,
            // even if nothing is written any more.
            believed += usize::from(torn && found != Found::Unknown);
            *(if torn { &mut changing } else { &mut whole }) += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    // Not within the scope, whose writer would go on for ever.
    assert_eq!(believed, 0, "torn and taken for whole");
    assert!(changing > 0, "none of {whole} was torn");
    let (_, told) = seen(&path, &Found::Unknown);
    let bytes = told.unwrap();
    assert!(bytes.iter().all(|byte| *byte == bytes[0]));
}
