//! What the child writes: a line of JSON, and then, if it could compile the component, the machine code.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::error::LoadError;

/// Bytes of the first line at most.
const HEAD_BYTES: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Head {
    /// So many bytes of code follow.
    Code(usize),
    /// Nothing follows.
    Refused(LoadError),
}

pub(super) fn write(mut to: impl Write, result: Result<Vec<u8>, LoadError>) -> io::Result<()> {
    let (head, code) = match result {
        Ok(code) => (Head::Code(code.len()), code),
        Err(refused) => (Head::Refused(refused), Vec::new()),
    };
    serde_json::to_writer(&mut to, &head)?;
    to.write_all(b"\n")?;
    to.write_all(&code)?;
    to.flush()
}

/// `None` for what is no complete answer.
pub(super) fn read(mut answer: Vec<u8>) -> Option<Result<Vec<u8>, LoadError>> {
    let end = answer
        .iter()
        .take(HEAD_BYTES)
        .position(|byte| *byte == b'\n')?;
    let head = serde_json::from_slice(&answer[..end]).ok()?;
    answer.drain(..=end);
    match head {
        Head::Code(bytes) => (answer.len() == bytes).then_some(Ok(answer)),
        Head::Refused(why) => answer.is_empty().then_some(Err(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(result: Result<Vec<u8>, LoadError>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, result).unwrap();
        bytes
    }

    #[test]
    fn an_answer_comes_through_whole_or_not_at_all() {
        let code = b"machine\ncode".to_vec();
        let bytes = written(Ok(code.clone()));
        assert_eq!(read(bytes.clone()), Some(Ok(code)));
        for length in 0..bytes.len() {
            assert_eq!(read(bytes[..length].to_vec()), None, "{length} bytes");
        }
        assert_eq!(read([bytes, b"more".to_vec()].concat()), None);
        let refused = LoadError::Invalid {
            reason: "it ends\nearly".to_owned(),
        };
        assert_eq!(read(written(Err(refused.clone()))), Some(Err(refused)));
    }
}
