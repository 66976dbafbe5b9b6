//! What guests say is in the log with their message, and by itself.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::support::*;

#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Written {
    pub fn lines(&self) -> Vec<String> {
        let written = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        written.lines().map(str::to_owned).collect()
    }

    pub fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .with_ansi(false);
        tracing::subscriber::set_default(subscriber.finish())
    }
}

#[tokio::test]
async fn a_line_carries_its_message() {
    let written = Written::default();
    let _guard = written.begin();
    let engine = engine(1);
    failure(&simple(&engine), "w").await;
    let lines = written.lines();
    let line = lines
        .iter()
        .find(|line| line.contains("tables are full"))
        .unwrap();
    for part in [
        "ERROR",
        "pelton::guest",
        "handler=\"tested\"",
        "topic=\"orders\"",
        "partition=3",
        "offset=100",
    ] {
        assert!(line.contains(part), "{part} is missing in: {line}");
    }
}

#[tokio::test]
async fn a_flood_is_cut_off_and_said_once() {
    let written = Written::default();
    let _guard = written.begin();
    {
        let engine = engine(1);
        assert_eq!(verdicts(&simple(&engine), &["f"]).await, ["done 1"]);
    }
    let lines = written.lines();
    let said = lines
        .iter()
        .filter(|line| line.contains("tables are full"))
        .count();
    assert!((1000..3000).contains(&said), "{said}");
    let dropped = lines
        .iter()
        .filter(|line| line.contains("were dropped"))
        .count();
    assert!(dropped >= 1, "{:?}", lines.last());
}

#[tokio::test]
async fn a_flood_is_the_handler_s_not_the_instance_s() {
    let written = Written::default();
    let _guard = written.begin();
    let engine = engine(1);
    let mut env = env();
    env.limits.log_lines = 100;
    env.isolation = pelton_engine::Isolation::Message;
    let began = std::time::Instant::now();
    let revision = engine.load(&module("handler", SIMPLE), &env).unwrap();
    for _ in 0..5 {
        assert_eq!(verdicts(&revision, &["f"]).await, ["done 1"]);
    }
    let windows = began.elapsed().as_secs() as usize + 1;
    let lines = written.lines();
    let said = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert!(
        said("tables are full") <= 100 * windows,
        "{}",
        said("tables are full")
    );
    assert!(said("limits.log-lines") >= 1);
}

#[tokio::test]
async fn standard_output_goes_to_the_log() {
    let written = Written::default();
    let _guard = written.begin();
    let engine = engine(1);
    let speaker = wat::parse_str(include_str!("speaker.wat")).unwrap();
    let (kind, text) = failure(&engine.load(&speaker, &env()).unwrap(), "e").await;
    assert_eq!(kind.as_str(), "trap");
    assert!(text.ends_with("its last words: hello from WASI"), "{text}");
    let lines = written.lines();
    let line = lines
        .iter()
        .find(|line| line.contains("hello from WASI"))
        .unwrap();
    assert!(
        line.contains("WARN") && line.contains("handler=\"tested\""),
        "{line}"
    );
}
