//! Values as people write them: durations, sizes, counts, librdkafka's scalars.

use std::{collections::BTreeMap, fmt, num::NonZeroU32, time::Duration};

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected, Visitor},
};

/// A duration above zero, at most a day: "250ms".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub Duration);

impl Time {
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

const A_TIME: &str =
    "a duration from \"1ms\" to \"24h\", written as \"250ms\", \"10s\" or \"1m 30s\"";

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(A_TIME)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                let range = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);
                let parsed = humantime::parse_duration(text)
                    .ok()
                    .filter(|time| range.contains(time));
                parsed
                    .map(Time)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": A_TIME })
    }
}

/// A number of bytes above zero: "256 KiB".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub u64);

impl Size {
    pub const fn kib(kib: u64) -> Self {
        Self(kib << 10)
    }

    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    pub const fn gib(gib: u64) -> Self {
        Self(gib << 30)
    }
}

impl fmt::Display for Size {
    /// In the largest unit that says it exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units
            .iter()
            .find(|(shift, _)| self.0.trailing_zeros() >= *shift && self.0 > 0)
        {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} B", self.0),
        }
    }
}

const A_SIZE: &str = "a size above zero, written as \"256 KiB\", \"1 MiB\" or a number of bytes";

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(A_SIZE)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                let parsed = text.parse::<ByteSize>().ok().map(|size| size.as_u64());
                let parsed = parsed.filter(|size| *size > 0);
                parsed
                    .map(Size)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
            fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
                let parsed = u64::try_from(bytes).ok().filter(|size| *size > 0);
                parsed
                    .map(Size)
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(bytes), &self))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "minimum": 1, "description": A_SIZE })
    }
}

/// Defines a whole number with a range that its error message names.
macro_rules! whole_number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $min:literal ..= $max:literal, $title:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub(crate) struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Number;
                impl Visitor<'_> for Number {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a whole number from {} to {}", $min, $max)
                    }
                    fn visit_i64<E: Error>(self, number: i64) -> Result<$name, E> {
                        let allowed = ($min..=$max).contains(&number);
                        let inner = if allowed { <$inner>::try_from(number as u32).ok() } else { None };
                        inner.map($name).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
                    }
                }
                deserializer.deserialize_any(Number)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "minimum": $min, "maximum": $max })
            }
        }
    };
}

whole_number! {
    /// A count from 1.
    Count(NonZeroU32), 1..=1_000_000_000, "Count"
}
whole_number! {
    /// A share of a hundred.
    Percent(u8), 0..=100, "Percent"
}

whole_number! {
    /// Messages of one partition. What is finished out of order must fit into a commit's metadata.
    InFlight(NonZeroU32), 1..=100_000, "InFlight"
}
whole_number! {
    /// Instances of a component.
    Instances(NonZeroU32), 1..=1_000, "Instances"
}

impl Count {
    /// For defaults; zero becomes one.
    pub const fn new(count: u32) -> Self {
        Self(at_least_one(count))
    }
}

impl InFlight {
    /// For defaults; zero becomes one.
    pub const fn new(count: u32) -> Self {
        Self(at_least_one(count))
    }
}

impl Instances {
    /// For defaults; zero becomes one.
    pub const fn new(count: u32) -> Self {
        Self(at_least_one(count))
    }
}

const fn at_least_one(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A librdkafka property: text, a number or a boolean, which librdkafka all takes as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a boolean")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
            fn visit_bool<E: Error>(self, yes: bool) -> Result<Scalar, E> {
                Ok(Scalar(yes.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Property".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Objects too: an unquoted `sasl.mechanism` is a table in a table for TOML.
        json_schema!({ "type": ["string", "number", "boolean", "object"] })
    }
}

/// A handler's settings: any TOML.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Settings(pub BTreeMap<String, toml::Value>);

impl JsonSchema for Settings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Settings".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": true })
    }
}

impl Settings {
    /// Strings as they are, everything else as JSON.
    pub fn into_text(self) -> BTreeMap<String, String> {
        let text = |value| match value {
            toml::Value::String(text) => text,
            other => json(other).to_string(),
        };
        self.0
            .into_iter()
            .map(|(key, value)| (key, text(value)))
            .collect()
    }
}

fn json(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        // JSON has no word for infinities: they stand as text.
        toml::Value::Float(number) if !number.is_finite() => number.to_string().into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect::<Vec<_>>().into(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
