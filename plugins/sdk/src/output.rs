//! What a handler returns.

use std::borrow::Cow;

use serde::Serialize;

use crate::Failure;

/// A message to be produced once the handler has succeeded. Built in one go:
///
/// ```
/// # use pelton_sdk::Output;
/// Output::to("notifications").key("user-123").value("hello").header("source", "orders");
/// ```
///
/// What is not said is null: no key, a tombstone, no headers. The timestamp is the handled message's, unless
/// given; the partition is the one where the key belongs, unless given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub(crate) topic: Option<Cow<'static, str>>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Field,
    pub(crate) value: Field,
    pub(crate) same_headers: bool,
    pub(crate) headers: Vec<(Cow<'static, str>, Option<Vec<u8>>)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Field {
    #[default]
    Null,
    Same,
    Bytes(Vec<u8>),
}

impl Output {
    /// An empty output for the default topic: the first of the handler's configured `outputs`.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty output for this topic, which must be one of the handler's configured `outputs`.
    pub fn to(topic: impl Into<Cow<'static, str>>) -> Self {
        Self::new().topic(topic)
    }

    /// The handled message as it is: same key, value and headers, without copying them. For the default topic.
    pub fn forward() -> Self {
        Self {
            key: Field::Same,
            value: Field::Same,
            same_headers: true,
            ..Self::default()
        }
    }

    /// Sets the topic.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<Cow<'static, str>>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// Sets a fixed partition, from 0.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sets the timestamp, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// Sets the key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Field::Bytes(key.into());
        self
    }

    /// Takes the handled message's key as it is, null included.
    #[must_use]
    pub fn same_key(mut self) -> Self {
        self.key = Field::Same;
        self
    }

    /// Sets the value.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Field::Bytes(value.into());
        self
    }

    /// Takes the handled message's value as it is, null included.
    #[must_use]
    pub fn same_value(mut self) -> Self {
        self.value = Field::Same;
        self
    }

    /// Sets the value to null: for a compacted topic, the key is to be forgotten.
    #[must_use]
    pub fn tombstone(mut self) -> Self {
        self.value = Field::Null;
        self
    }

    /// Sets the value to this as JSON. Adds no header; say `content-type` yourself if your readers want it.
    ///
    /// # Errors
    /// It can't be written as JSON: a map whose keys are not strings, or an error of its own `Serialize`.
    /// The failure rejects the message, since another attempt would end alike.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Result<Self, Failure> {
        let json = serde_json::to_vec(value).map_err(|error| {
            Failure::reject(format!("the output can't be written as JSON: {error}"))
        })?;
        Ok(self.value(json))
    }

    /// Adds a header. Names may repeat.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// Takes over all of the handled message's headers; those that are added stand after them.
    #[must_use]
    pub fn same_headers(mut self) -> Self {
        self.same_headers = true;
        self
    }
}

/// What a handler returns for one message: none, one or many outputs, produced in this order.
///
/// Make it `from` an `Output`, an `Option`, a `Vec` or an array of them, or [`collect`](Iterator::collect) it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    // One output is what most handlers return, and needs no list.
    first: Option<Output>,
    rest: Vec<Output>,
}

impl Outputs {
    /// Nothing to produce: the message is done, or was filtered.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds an output after those that are there.
    pub fn push(&mut self, output: Output) {
        match self.first {
            None => self.first = Some(output),
            Some(_) => self.rest.push(output),
        }
    }

    /// Adds an output after those that are there.
    #[must_use]
    pub fn and(mut self, output: Output) -> Self {
        self.push(output);
        self
    }

    /// The outputs in order.
    pub fn iter(&self) -> impl Iterator<Item = &Output> {
        self.first.iter().chain(&self.rest)
    }
}

impl From<()> for Outputs {
    fn from((): ()) -> Self {
        Self::none()
    }
}

impl From<Output> for Outputs {
    fn from(output: Output) -> Self {
        Self {
            first: Some(output),
            rest: Vec::new(),
        }
    }
}

impl From<Option<Output>> for Outputs {
    fn from(output: Option<Output>) -> Self {
        Self {
            first: output,
            rest: Vec::new(),
        }
    }
}

impl From<Vec<Output>> for Outputs {
    fn from(outputs: Vec<Output>) -> Self {
        outputs.into_iter().collect()
    }
}

impl<const N: usize> From<[Output; N]> for Outputs {
    fn from(outputs: [Output; N]) -> Self {
        outputs.into_iter().collect()
    }
}

impl FromIterator<Output> for Outputs {
    fn from_iter<I: IntoIterator<Item = Output>>(outputs: I) -> Self {
        let mut outputs = outputs.into_iter();
        Self {
            first: outputs.next(),
            rest: outputs.collect(),
        }
    }
}

impl Extend<Output> for Outputs {
    fn extend<I: IntoIterator<Item = Output>>(&mut self, outputs: I) {
        outputs.into_iter().for_each(|output| self.push(output));
    }
}
