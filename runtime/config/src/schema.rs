//! The file as serde and the JSON schema see it: every key, its type, its default and what it means.
//!
//! The texts here are the reference (docs/configuration.md is made from them): they speak to whoever writes a file.

mod handler;
mod one_or_many;
mod values;

use std::{collections::BTreeMap, num::NonZeroU16};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use handler::{
    Batch, Buffer, DeadLetter, Grants, Handler, Limits, OnExhausted, Probation, Retry, Test,
    Transaction,
};
pub(crate) use one_or_many::{Bootstrap, Topics};
pub(crate) use values::{Count, InFlight, Instances, Percent, Scalar, Settings, Size, Time};

/// The configuration of a Pelton daemon.
///
/// Any string value may contain `${NAME}`, replaced by the environment variable of that name: keep secrets out of
/// the file with it. `${file:PATH}` is replaced by what stands in that file, found from this file's folder, and
/// `${credential:NAME}` by the credential that systemd hands to the unit (`LoadCredential`), both without a newline at
/// the end. `${NAME:-default}` falls back to a default, `$${` writes `${`.
/// Durations are written as "250ms", "10s", "1m 30s"; sizes as "256 KiB", "1 MiB", or a number of bytes.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "pelton.toml", extend("required" = ["clusters", "handlers"]))]
pub(crate) struct File {
    /// Kafka clusters by name. A handler that names none works on the one called `default`.
    pub clusters: BTreeMap<String, Cluster>,
    /// Handlers by name: letters, digits, `.`, `_` and `-`. At least one.
    pub handlers: BTreeMap<String, Handler>,
    /// The HTTP listener for health, metrics, the dashboard, and what `pelton status`, `pause` and their like ask.
    pub admin: Admin,
    /// How the daemon logs.
    pub log: Log,
    /// The process itself.
    pub daemon: Daemon,
}

/// A Kafka cluster.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("required" = ["bootstrap-servers"]))]
pub(crate) struct Cluster {
    /// Brokers to ask first, each "host:port". Or "embedded": a broker inside the daemon, in memory, for development.
    #[schemars(required)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_servers: Option<Bootstrap>,
    /// A file that holds the token (a JWT) to log in with by SASL OAUTHBEARER, found from this file's folder. It is read
    /// anew every half minute, so that whatever renews it needs only write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth_token_file: Option<String>,
    /// Anything librdkafka knows, for every client of this cluster (`security.protocol`, `sasl.*`, `ssl.*` and so on),
    /// less what the daemon sets itself.
    #[serde(default)]
    pub properties: BTreeMap<String, Scalar>,
}

/// The HTTP listener for health, metrics, the dashboard, and what `pelton status`, `pause` and their like ask.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Admin {
    /// Whether to listen at all.
    pub enabled: bool,
    /// The address to listen on, "address:port". Port 0 takes any free one. Any other than of this machine alone
    /// (127.0.0.1, ::1) needs a `token-file`.
    pub listen: String,
    /// A file that holds a token of at least 16 characters, found from this file's folder: whoever asks under /v1 must
    /// show it (`Authorization: Bearer …`). It is read anew for each request. Health and metrics need none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: "127.0.0.1:9640".to_owned(),
            token_file: None,
        }
    }
}

/// How the daemon logs.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Log {
    /// "text" for people, "json" for programs.
    pub format: LogFormat,
    /// What is logged: "error", "warn", "info", "debug", "trace" or "off"; also for parts of the program,
    /// as in "info,pelton_kafka=debug".
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The process itself.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Daemon {
    /// How long a stop may take in all: drain, flush, commit, leave the groups. Longer than every handler's
    /// `drain-timeout`, shorter than what your supervisor waits before it kills.
    pub shutdown_timeout: Time,
    /// Bound for what is held of messages in the whole process: fetched, fetched ahead, and on their way out.
    /// At least "16 MiB".
    pub memory: Size,
    /// Stack of a handler's code, the same for all handlers, "64 KiB" to "16 MiB".
    pub guest_stack: Size,
    /// Threads that run handlers. Not set: one for each CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_threads: Option<NonZeroU16>,
    /// The largest component file that is taken, up to "1 GiB". A larger one is refused.
    pub component_bytes: Size,
    /// How long compiling a component may take, in a process of its own. One that takes longer is refused.
    pub compile_timeout: Time,
    /// How much memory compiling a component may take, at least "64 MiB". One that takes more is refused. Up to four
    /// are compiled at once.
    pub compile_memory: Size,
    /// How long the trial of a component may take, and those that a changed configuration needs may take together,
    /// with compiling. A component, or a configuration, that needs longer is refused.
    pub trial_timeout: Time,
    /// Keeps compiled code in a folder, so that the next start needs no compiler.
    pub cache: bool,
    /// The folder, found from this file's folder; for its owner alone. Not set: the first of $CACHE_DIRECTORY (which
    /// systemd sets), $XDG_CACHE_HOME/pelton and $HOME/.cache/pelton.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_folder: Option<String>,
    /// How much is kept there. Beyond it goes what was not used for the longest time.
    pub cache_bytes: Size,
    /// The folder in which each handler's last good component is kept, and which one was rolled back, for the next
    /// start; found from this file's folder. Each daemon needs its own. Not set: $STATE_DIRECTORY (which systemd
    /// sets), and without that nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_folder: Option<String>,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            shutdown_timeout: Time::seconds(25),
            memory: Size::mib(512),
            guest_stack: Size::mib(1),
            worker_threads: None,
            component_bytes: Size::mib(64),
            compile_timeout: Time::seconds(60),
            compile_memory: Size::gib(1),
            trial_timeout: Time::seconds(300),
            cache: true,
            cache_folder: None,
            cache_bytes: Size::gib(1),
            state_folder: None,
        }
    }
}

/// The JSON schema of pelton.toml, for editors and for other programs.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(File).to_value();
    tidy(&mut schema);
    schema
}

/// TOML has no null, and a description's lines are broken where the source's are: neither belongs in the schema.
fn tidy(schema: &mut serde_json::Value) {
    use serde_json::Value;
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            if let Some(Value::String(text)) = object.get_mut("description") {
                let paragraphs = text
                    .split("\n\n")
                    .map(|paragraph| paragraph.replace('\n', " "));
                *text = paragraphs.collect::<Vec<_>>().join("\n\n");
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
