use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use super::*;
use crate::engine;

fn settings(folder: &Path) -> CacheSettings {
    CacheSettings {
        folder: folder.join("deep/cache"),
        max_bytes: 1 << 20,
    }
}

fn name(of: u8) -> Name {
    Name::new(&engine::compiling().unwrap(), [of; 32])
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The only file of code in the folder.
fn kept(settings: &CacheSettings) -> PathBuf {
    let entries = fs::read_dir(&settings.folder).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|end| end == "code"))
        .unwrap()
}

#[test]
fn code_comes_out_as_it_went_in_also_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let cache = Cache::open(&settings).unwrap();
    assert_eq!(cache.read(&name(1)), Found::Nothing);
    cache.write(&name(1), b"code");
    assert_eq!(cache.read(&name(1)), Found::Code(b"code".to_vec()));
    assert_eq!(cache.read(&name(2)), Found::Nothing);
    let other = Cache::open(&settings).unwrap();
    assert_eq!(other.read(&name(1)), Found::Code(b"code".to_vec()));
    for (file, mode) in [("", 0o700), ("key", 0o600)] {
        let found = fs::metadata(settings.folder.join(file)).unwrap();
        assert_eq!(found.mode() & 0o777, mode, "{file:?}");
    }
}

#[test]
fn whatever_was_changed_does_not_come_out_and_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let cache = Cache::open(&settings).unwrap();
    cache.write(&name(1), b"code");
    let sound = fs::read(kept(&settings)).unwrap();
    let flipped = (0..sound.len() * 8).map(|bit| {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let cut = (0..sound.len()).map(|length| sound[..length].to_vec());
    let longer = [
        [sound.as_slice(), b"x"].concat(),
        [b"x", sound.as_slice()].concat(),
    ];
    for bytes in flipped.chain(cut).chain(longer) {
        let path = settings.folder.join(format!("{}.code", name(1)));
        fs::write(&path, &bytes).unwrap();
        assert_eq!(cache.read(&name(1)), Found::Damaged, "{bytes:?}");
        assert!(!path.exists());
    }
    // A file that is sound, by another's name.
    cache.write(&name(1), b"code");
    fs::rename(
        kept(&settings),
        settings.folder.join(format!("{}.code", name(2))),
    )
    .unwrap();
    assert_eq!(cache.read(&name(2)), Found::Damaged);
}

/// What is done to a file.
type Harm = fn(&Path);

#[test]
fn a_key_that_was_lost_cut_or_shown_is_made_anew_and_nothing_fits_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let key = settings.folder.join("key");
    let spoils: [(&str, Harm); 3] = [
        ("lost", |key| fs::remove_file(key).unwrap()),
        ("cut", |key| fs::write(key, "short").unwrap()),
        ("shown", |key| chmod(key, 0o644)),
    ];
    for (how, spoil) in spoils {
        Cache::open(&settings).unwrap().write(&name(1), b"code");
        spoil(&key);
        let cache = Cache::open(&settings).unwrap();
        assert_eq!(cache.read(&name(1)), Found::Damaged, "{how}");
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600, "{how}");
    }
}

#[test]
fn a_folder_that_is_not_ours_alone_or_no_folder_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    fs::create_dir_all(&settings.folder).unwrap();
    chmod(&settings.folder, 0o777);
    assert!(Cache::open(&settings).is_err());
    chmod(&settings.folder, 0o755);
    assert!(Cache::open(&settings).is_ok());
    fs::remove_dir_all(&settings.folder).unwrap();
    fs::write(&settings.folder, "a file").unwrap();
    assert!(Cache::open(&settings).is_err());
}

#[test]
fn what_can_not_be_kept_is_told_until_it_could_be() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let cache = Cache::open(&settings).unwrap();
    assert_eq!(cache.unkept(), None);
    fs::remove_dir_all(&settings.folder).unwrap();
    cache.write(&name(1), b"code");
    let why = cache.unkept().unwrap();
    assert!(why.contains("deep/cache"), "{why}");
    cache.try_again();
    assert!(cache.unkept().is_some(), "there is no folder yet");
    fs::create_dir(&settings.folder).unwrap();
    cache.try_again();
    assert_eq!(cache.unkept(), None);
    assert_eq!(fs::read_dir(&settings.folder).unwrap().count(), 0);
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_when_there_is_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let cache = Cache::open(&settings).unwrap();
    let code = vec![7; 300 << 10];
    let age = |of: u8, seconds| {
        let path = settings.folder.join(format!("{}.code", name(of)));
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
            .unwrap();
    };
    for (of, seconds) in [(1, 300), (2, 200), (3, 100)] {
        cache.write(&name(of), &code);
        age(of, seconds);
    }
    // The oldest is used, and so it isn't any more.
    assert!(matches!(cache.read(&name(1)), Found::Code(_)));
    cache.write(&name(4), &code);
    assert_eq!(cache.read(&name(2)), Found::Nothing);
    for of in [1, 3, 4] {
        assert!(matches!(cache.read(&name(of)), Found::Code(_)), "{of}");
    }
    // What is larger than all of it is not kept, and nothing goes for it.
    cache.write(&name(5), &vec![7; 2 << 20]);
    assert_eq!(cache.read(&name(5)), Found::Nothing);
    assert!(matches!(cache.read(&name(4)), Found::Code(_)));
}

/// Each opens the folder by itself, as processes do, and none of them ever sees anything but what was put in.
#[test]
fn many_may_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let names: Vec<Name> = (0..8).map(name).collect();
    let code = |of: usize| vec![of as u8; 200 << 10];
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let cache = Cache::open(&settings).unwrap();
                for round in 0..60 {
                    let of = round % names.len();
                    match cache.read(&names[of]) {
                        Found::Code(found) => assert!(found == code(of)),
                        Found::Nothing => cache.write(&names[of], &code(of)),
                        Found::Damaged => panic!("nobody damaged anything"),
                    }
                }
            });
        }
    });
}
