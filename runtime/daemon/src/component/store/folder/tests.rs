//! What is kept comes back, and nothing that is damaged does.

use super::*;

fn opened(state_folder: &Path) -> io::Result<Folder> {
    Folder::open(state_folder, "shout", Path::new("shout.wasm"))
}

const BYTES: &[u8] = b"a component";

fn of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// A configuration with a secret and a grant.
fn env() -> HandlerEnv {
    let text = r#"
        [clusters.default]
        bootstrap-servers = ["kafka:9092"]
        [handlers.shout]
        component = "shout.wasm"
        topics = ["in"]
        settings = { password = "hunter2" }
        grants = { http = ["https://api.example.com"] }
        limits = { time-per-message = "1500ms" }
    "#;
    let config = pelton_config::parse(text, Path::new("pelton.toml"), &|_| None).unwrap();
    crate::daemon::handler_env(&config.handlers["shout"])
}

fn record(good: &[u8]) -> Record {
    let memory = Memory {
        good: Some(of(good)),
        configuration: Some(env().digest()),
        rolled_back: Some(RolledBack {
            refusal: Refusal {
                digest: of(b"bad"),
                why: "votes".into(),
            },
            configuration: Some([7; 32]),
        }),
    };
    Record::new(memory, Some(env()))
}

#[test]
fn what_is_remembered_is_there_after_a_restart_and_the_rest_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).unwrap();
    assert_eq!(store.record().unwrap(), Record::default());
    for bytes in [BYTES, b"old", b"runs"] {
        store.put(&of(bytes), bytes).unwrap();
    }
    store.remember(&record(BYTES)).unwrap();
    store.keep_only(&[of(BYTES), of(b"runs")]).unwrap();
    let store = opened(folder.path()).unwrap();
    assert_eq!(store.record().unwrap(), record(BYTES));
    assert_eq!(store.content(&of(BYTES), 100).unwrap(), BYTES);
    assert!(store.content(&of(b"runs"), 100).is_ok());
    assert!(store.content(&of(b"old"), 100).is_err());
}

#[test]
fn damaged_content_is_not_believed_and_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).unwrap();
    store.put(&of(BYTES), BYTES).unwrap();
    fs::write(store.content_path(&of(BYTES)), b"a componenT").unwrap();
    let error = store.content(&of(BYTES), 100).unwrap_err();
    assert_eq!(error.to_string(), "what is kept of it is damaged");
    store.put(&of(BYTES), BYTES).unwrap();
    assert_eq!(store.content(&of(BYTES), 100).unwrap(), BYTES);
    assert!(store.content(&of(BYTES), 5).is_err(), "larger than allowed");
}

#[test]
fn a_damaged_index_is_an_error_and_content_that_is_gone_is_not_good() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).unwrap();
    store.remember(&record(BYTES)).unwrap();
    assert_eq!(store.record().unwrap().memory.good, None);
    for wrong in ["{", r#"{"good":"abc"}"#, r#"{"good":"zz"}"#] {
        fs::write(store.path.join(INDEX), wrong).unwrap();
        assert!(store.record().is_err(), "{wrong}");
    }
}

#[test]
fn what_another_file_left_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).unwrap();
    store.put(&of(BYTES), BYTES).unwrap();
    store.remember(&record(BYTES)).unwrap();
    assert_eq!(
        opened(folder.path()).unwrap().record().unwrap(),
        record(BYTES)
    );
    let other = Folder::open(folder.path(), "shout", Path::new("whisper.wasm")).unwrap();
    assert_eq!(other.record().unwrap(), Record::default());
}

#[test]
fn what_is_no_configuration_of_this_version_is_not_known_and_the_rest_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).unwrap();
    store.put(&of(BYTES), BYTES).unwrap();
    store.remember(&record(BYTES)).unwrap();
    let text = fs::read_to_string(store.path.join(INDEX)).unwrap();
    let older = text.replace("log_line_bytes", "something_else");
    assert_ne!(older, text);
    fs::write(store.path.join(INDEX), older).unwrap();
    let read = store.record().unwrap();
    assert_eq!((read.env, read.memory.configuration), (None, None));
    assert_eq!(read.memory.good, Some(of(BYTES)));
    let oldest = format!(r#"{{"file":"shout.wasm","good":"{}"}}"#, hex(&of(BYTES)));
    fs::write(store.path.join(INDEX), oldest).unwrap();
    assert_eq!(store.record().unwrap().memory.good, Some(of(BYTES)));
}

#[test]
fn a_folder_is_taken_from_others_and_another_s_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("shout");
    opened(folder.path()).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o770)).unwrap();
    opened(folder.path()).unwrap();
    assert_eq!(fs::metadata(&own).unwrap().mode() & 0o777, 0o700);
    fs::remove_dir(&own).unwrap();
    std::os::unix::fs::symlink(folder.path(), &own).unwrap();
    let error = opened(folder.path()).err().unwrap();
    assert!(error.to_string().ends_with("remove it"), "{error}");
}

#[test]
fn a_pipe_in_the_index_s_place_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(store.path.join(INDEX))
        .status();
    assert!(made.unwrap().success());
    assert!(store.record().is_err());
}

#[test]
fn only_the_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder.path().join("state")).unwrap();
    store.put(&of(BYTES), BYTES).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.content_path(&of(BYTES))), 0o600);
    store.remember(&record(BYTES)).unwrap();
    assert_eq!(mode(&store.path.join(INDEX)), 0o600);
    assert_eq!(mode(&folder.path().join("state")), 0o700);
    assert_eq!(mode(&store.path), 0o700);
}
