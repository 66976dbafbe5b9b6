//! A handler that sends one request, as it is told by its text.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use pelton_engine::{Call, Curtail, Engine, Grants, HandlerEnv, Revision};
use pelton_types::{Message, Verdict};
use wit_component::StringEncoding;

use crate::support::{env, messages};

/// A request, and what the guest does with it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub https: bool,
    pub authority: String,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    /// How often it is sent; only the last is waited for.
    pub times: u32,
    /// The guest's own time-out; none is 0.
    pub timeout: Duration,
    /// Pieces of 4 KiB of a body.
    pub upload: u32,
    /// Returns with the answer's head.
    pub unread: bool,
    /// Sends a HEAD before it, which it never waits for.
    pub unawaited: bool,
}

impl Ask {
    pub fn get(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        Self {
            method: "GET",
            https: scheme == "https",
            authority: authority.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            times: 1,
            timeout: Duration::ZERO,
            upload: 0,
            unread: false,
            unawaited: false,
        }
    }

    /// A component that does this for each message.
    pub fn component(&self) -> Vec<u8> {
        let escaped =
            |text: &str| -> String { text.bytes().map(|byte| format!("\\{byte:02x}")).collect() };
        let method = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT"]
            .iter()
            .position(|known| *known == self.method)
            .unwrap_or(9);
        let lines = [
            ("AUTHORITY-LENGTH", self.authority.len().to_string()),
            ("PATH-LENGTH", self.path.len().to_string()),
            ("METHOD-LENGTH", self.method.len().to_string()),
            ("METHOD-CASE", method.to_string()),
            ("SCHEME-CASE", u8::from(self.https).to_string()),
            ("HEADER-COUNT", self.headers.len().to_string()),
            ("TIMEOUT-MILLIS", self.timeout.as_millis().to_string()),
            ("UPLOAD", self.upload.to_string()),
            ("TIMES", self.times.to_string()),
            ("UNREAD", u8::from(self.unread).to_string()),
            ("UNAWAITED", u8::from(self.unawaited).to_string()),
            ("\"AUTHORITY\"", format!("\"{}\"", escaped(&self.authority))),
            ("\"PATH\"", format!("\"{}\"", escaped(&self.path))),
            ("\"METHOD\"", format!("\"{}\"", escaped(self.method))),
            (";; HEADERS stand at 8192.", String::new()),
        ];
        let mut text = include_str!("guest.wat").to_owned();
        for (name, value) in lines {
            text = text.replace(name, &value);
        }
        let headers = self.header_data(&escaped);
        let text = text.replace("(global $free", &format!("{headers}(global $free"));
        componentize(&text)
    }

    /// The list that `fields.from-list` is given: pointers and lengths at 8192, the texts behind them.
    fn header_data(&self, escaped: &dyn Fn(&str) -> String) -> String {
        let (mut index, mut texts) = (Vec::new(), String::new());
        let first = 8192 + 16 * self.headers.len();
        for (name, value) in &self.headers {
            for text in [*name, value.as_str()] {
                index.extend(((first + texts.len()) as u32).to_le_bytes());
                index.extend((text.len() as u32).to_le_bytes());
                texts.push_str(text);
            }
        }
        let index: String = index.iter().map(|byte| format!("\\{byte:02x}")).collect();
        format!(
            "(data (i32.const 8192) \"{index}\") (data (i32.const {first}) \"{}\")",
            escaped(&texts)
        )
    }
}

fn componentize(text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    resolve.push_dir(root.join("wit")).unwrap();
    let client = include_str!("../../../../../plugins/sdk/src/http/client.wit");
    resolve.push_str("client.wit", client).unwrap();
    let world = "package pelton:asking;
        world guest {
            import pelton:handler/batch@0.1.0;
            include pelton:http-client/client;
            export pelton:handler/packed-handler@0.1.0;
        }";
    let package = resolve.push_str("asking.wit", world).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    module
}

/// Grants these origins; one with `private ` before it may stand for private addresses.
pub fn granted(origins: &[&str]) -> HandlerEnv {
    let mut grants = Grants::default();
    for origin in origins {
        match origin.strip_prefix("private ") {
            Some(origin) => grants.http_private.push(origin.parse().unwrap()),
            None => grants.http.push(origin.parse().unwrap()),
        }
    }
    let mut env = HandlerEnv { grants, ..env() };
    // Enough for a machine that is busy; what is to run into it says so itself.
    env.limits.time_per_message = Duration::from_secs(60);
    env
}

/// What becomes of one request: `200 5` (a status and the body's length), `denied`, the kind of the failure.
pub async fn outcome(engine: &Engine, env: &HandlerEnv, ask: &Ask) -> String {
    let revision = engine.load(&ask.component(), env).unwrap();
    handled(&revision).await
}

/// The same, of one more message.
pub async fn handled(revision: &Revision) -> String {
    let message: &Message = &messages(&["ask"])[0];
    let curtail = Curtail::new();
    let answer = revision
        .call(Call {
            messages: &[(message, 1)],
            fresh: false,
            curtail: &curtail,
        })
        .await;
    match &answer.outcomes[0].verdict {
        Verdict::Done { .. } => read(answer.outcomes[0].outputs[0].value.as_ref().unwrap()),
        Verdict::Failed(failure) => failure.kind.to_string(),
        Verdict::NotAttempted => "not attempted".to_owned(),
    }
}

pub fn read(value: &Bytes) -> String {
    let number = u16::from_le_bytes([value[1], value[2]]);
    let length = u32::from_le_bytes([value[4], value[5], value[6], value[7]]);
    let code = || match number {
        1 => "unresolved".to_owned(),
        3 => "unavailable".to_owned(),
        4 => "prohibited".to_owned(),
        6 => "refused".to_owned(),
        7 => "terminated".to_owned(),
        12 => "tls".to_owned(),
        13 => "certificate".to_owned(),
        15 => "denied".to_owned(),
        17 => "request too long".to_owned(),
        18 => "no such method".to_owned(),
        25 => "incomplete".to_owned(),
        26 => "head too long".to_owned(),
        28 => "answer too long".to_owned(),
        33 => "timed out".to_owned(),
        35 => "broken".to_owned(),
        1000 => "header refused".to_owned(),
        1001 => "url refused".to_owned(),
        other => format!("error {other}"),
    };
    match value[0] {
        0 => format!("{number} {length}"),
        1 | 2 => code(),
        _ => format!("torn after {length}"),
    }
}
