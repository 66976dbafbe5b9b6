//! Kafka's frames, as far as a proxy has to know them: where each ends, and who asks for what in its header.
//!
//! The header of a request is described at <https://kafka.apache.org/protocol#protocol_messages>. All of its
//! versions begin with the same four fields; what follows is never looked at.

use std::io::{self, Read, Write};

/// Longer than any frame of a test; what claims to be longer isn't Kafka's protocol.
const LONGEST: usize = 128 << 20;

/// The kinds of requests that a transaction consists of, and all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// Messages for partitions.
    Produce,
    /// Who coordinates a group or a transactional id.
    FindCoordinator,
    /// A producer id and its epoch; this is what fences earlier producers.
    InitProducerId,
    /// Partitions are about to be written to within the transaction. The first opens it.
    AddPartitionsToTxn,
    /// Offsets of a group are about to be committed within the transaction.
    AddOffsetsToTxn,
    /// Commit or abort.
    EndTxn,
    /// The offsets themselves, for the group's coordinator.
    TxnOffsetCommit,
    /// Any other kind, by its key.
    Other(i16),
}

impl Api {
    /// The kind with this key.
    pub const fn of(key: i16) -> Self {
        match key {
            0 => Self::Produce,
            10 => Self::FindCoordinator,
            22 => Self::InitProducerId,
            24 => Self::AddPartitionsToTxn,
            25 => Self::AddOffsetsToTxn,
            26 => Self::EndTxn,
            28 => Self::TxnOffsetCommit,
            other => Self::Other(other),
        }
    }
}

/// The header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) api: Api,
    pub(super) version: i16,
    /// What the answer is recognised by, within one connection.
    pub(super) correlation: i32,
    /// The `client.id`; null reads as empty.
    pub(super) client: String,
}

/// One request or one answer, with its length in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    /// Reads one frame. The end of the stream is an error like every other: nothing more comes from there.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let longest = |length: &usize| *length <= LONGEST;
        let body = usize::try_from(i32::from_be_bytes(length)).ok();
        let body = body.filter(longest).ok_or_else(malformed)?;
        let mut bytes = length.to_vec();
        bytes.resize(4 + body, 0);
        from.read_exact(&mut bytes[4..])?;
        Ok(Self(bytes))
    }

    /// Writes it as it was read.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.0)
    }

    /// The header of a frame that a client sent.
    pub(super) fn request(&self) -> io::Result<Request> {
        let length = i16::from_be_bytes(self.field(12)?);
        let client = match usize::try_from(length) {
            Ok(length) => self.0.get(14..14 + length).ok_or_else(malformed)?,
            Err(_) if length == -1 => &[],
            Err(_) => return Err(malformed()),
        };
        Ok(Request {
            api: Api::of(i16::from_be_bytes(self.field(4)?)),
            version: i16::from_be_bytes(self.field(6)?),
            correlation: i32::from_be_bytes(self.field(8)?),
            client: String::from_utf8_lossy(client).into_owned(),
        })
    }

    /// Which request a frame that a broker sent is the answer to.
    pub(super) fn correlation(&self) -> io::Result<i32> {
        Ok(i32::from_be_bytes(self.field(4)?))
    }

    /// The error code of this answer, where it stands in the same place whatever was asked for: behind the
    /// throttle time. `None` for other kinds, and from the version on whose header has tagged fields.
    pub(super) fn error(&self, request: &Request) -> Option<i16> {
        let plain = matches!(request.api, Api::EndTxn | Api::AddOffsetsToTxn);
        let bytes = self.field(12).ok()?;
        (plain && request.version < 3).then(|| i16::from_be_bytes(bytes))
    }

    fn field<const N: usize>(&self, at: usize) -> io::Result<[u8; N]> {
        let bytes = self.0.get(at..at + N).ok_or_else(malformed)?;
        bytes.try_into().map_err(|_| malformed())
    }
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "this is no frame of Kafka's protocol",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request's frame, its length in front, with a body that nobody may look at.
    fn request(api: i16, client: Option<&str>) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(api.to_be_bytes());
        body.extend(1_i16.to_be_bytes());
        body.extend(77_i32.to_be_bytes());
        body.extend(client.map_or(-1, |text| text.len() as i16).to_be_bytes());
        body.extend(client.unwrap_or_default().as_bytes());
        body.extend([0xff; 9]);
        let mut frame = (body.len() as i32).to_be_bytes().to_vec();
        frame.extend(body);
        frame
    }

    #[test]
    fn frames_are_told_apart_and_written_as_they_were_read() {
        let (one, two) = (request(26, Some("pelton")), request(3, None));
        let stream = [one.clone(), two.clone()].concat();
        let mut from = stream.as_slice();
        let frames = [(); 2].map(|()| Frame::read(&mut from).unwrap());
        assert_eq!(frames.clone().map(|frame| frame.0), [one, two]);
        let requests = frames.map(|frame| frame.request().unwrap());
        let wanted = |api, client: &str| Request {
            api,
            version: 1,
            correlation: 77,
            client: client.to_owned(),
        };
        let other = wanted(Api::Other(3), "");
        assert_eq!(requests, [wanted(Api::EndTxn, "pelton"), other]);
        assert!(Frame::read(&mut from).is_err(), "the stream has ended");
    }

    #[test]
    fn what_is_no_frame_is_an_error_and_never_a_panic() {
        let negative = [0xff, 0xff, 0xff, 0xff];
        let huge = [0x7f, 0xff, 0xff, 0xff];
        for length in [negative, huge] {
            assert!(Frame::read(&mut length.as_slice()).is_err());
        }
        let whole = request(26, Some("pelton"));
        for end in 0..whole.len() {
            assert!(Frame::read(&mut &whole[..end]).is_err(), "cut at {end}");
        }
        for end in 4..20 {
            assert!(Frame(whole[..end].to_vec()).request().is_err(), "{end}");
        }
        let mut odd = whole;
        odd[12..14].copy_from_slice(&(-2_i16).to_be_bytes());
        assert!(Frame(odd).request().is_err(), "a length of -2");
    }

    #[test]
    fn the_error_of_an_answer_is_read_only_where_it_is_known_to_stand() {
        let mut frame = vec![0, 0, 0, 10, 0, 0, 0, 77, 0, 0, 0, 0];
        frame.extend(51_i16.to_be_bytes());
        let answer = Frame(frame);
        let mut asked = Frame(request(26, None)).request().unwrap();
        assert_eq!(answer.correlation().unwrap(), 77);
        assert_eq!(answer.error(&asked), Some(51));
        asked.version = 3;
        assert_eq!(answer.error(&asked), None);
        (asked.version, asked.api) = (1, Api::Produce);
        assert_eq!(answer.error(&asked), None);
    }
}
