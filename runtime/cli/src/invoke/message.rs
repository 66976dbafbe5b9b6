//! The message that `pelton invoke` gives to a component, as the flags say.

use std::{
    fs,
    io::{Read, stdin},
    path::Path,
    time::SystemTime,
};

use anyhow::{Context, bail};
use bytes::Bytes;
use pelton_types::{Header, Headers, Message, Timestamp};

use crate::args::InvokeArgs;

/// Puts the message together.
pub(super) fn message(args: &InvokeArgs) -> anyhow::Result<Message> {
    let mut input = Input::default();
    let mut message = match &args.message {
        Some(file) => {
            input.read = file == Path::new("-");
            pelton_fixtures::message_of(file, &args.topic)?
        }
        None => plain(&args.topic),
    };
    if let Some(key) = &args.key {
        message.key = Some(input.given("--key", key)?);
    }
    if let Some(value) = &args.value {
        message.value = Some(input.given("--value", value)?);
    }
    if !args.headers.is_empty() {
        let headers = args.headers.iter().map(|header| input.header(header));
        message.headers = headers.collect::<anyhow::Result<Headers>>()?;
    }
    if let Some(millis) = args.timestamp {
        message.timestamp = Timestamp::CreateTime(millis);
    }
    message.partition = args.partition.unwrap_or(message.partition);
    message.offset = args.offset.unwrap_or(message.offset);
    Ok(message)
}

/// A tombstone, written now.
fn plain(topic: &str) -> Message {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Message {
        topic: topic.into(),
        partition: 0,
        offset: 0,
        timestamp: Timestamp::CreateTime(i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
        key: None,
        value: None,
        headers: Headers::default(),
    }
}

/// What is read from standard input, which can be done once.
#[derive(Default)]
struct Input {
    read: bool,
}

impl Input {
    /// What a flag says: as it stands, from a file (`@FILE`) or from standard input (`-`); `@@` stands for `@`.
    fn given(&mut self, flag: &str, given: &str) -> anyhow::Result<Bytes> {
        if given == "-" {
            if std::mem::replace(&mut self.read, true) {
                bail!(
                    "{flag} -: standard input is taken already; read one of the two from a file, with @FILE"
                );
            }
            let mut bytes = Vec::new();
            let read = stdin().read_to_end(&mut bytes);
            read.with_context(|| format!("{flag} -: standard input can't be read"))?;
            return Ok(bytes.into());
        }
        let Some(file) = given.strip_prefix('@') else {
            return Ok(given.to_owned().into());
        };
        if file.starts_with('@') {
            return Ok(file.to_owned().into());
        }
        let bytes = fs::read(file).with_context(|| {
            format!("{flag} @{file}: the file can't be read (write @@{file} for the text itself)")
        })?;
        Ok(bytes.into())
    }

    fn header(&mut self, given: &str) -> anyhow::Result<Header> {
        let Some((name, value)) = given.split_once('=') else {
            return Ok(Header {
                name: given.to_owned().into(),
                value: None,
            });
        };
        let flag = format!("--header {name}=");
        Ok(Header::new(name.to_owned(), self.given(&flag, value)?))
    }
}
