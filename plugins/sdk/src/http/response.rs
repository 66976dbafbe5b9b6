//! An answer.

use std::str::Utf8Error;

use serde::de::DeserializeOwned;

use super::Error;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The answer itself if its status is a success (200 to 299).
    ///
    /// # Errors
    /// It is another one: a redirect too, which is not followed.
    pub fn ok(self) -> Result<Self, Error> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(Error::Status(status)),
        }
    }

    /// The first value of a header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        str::from_utf8(value).ok()
    }

    /// The body as text.
    ///
    /// # Errors
    /// It is none.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(&self.body)
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// It is not such JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}
