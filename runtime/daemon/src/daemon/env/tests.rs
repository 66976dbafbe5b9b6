//! Each limit of the configuration is the one of that name for the engine: every value here is another.

use std::{path::Path, time::Duration};

use super::*;

fn env_of(lines: &str) -> HandlerEnv {
    let text = format!(
        "[clusters.default]\nbootstrap-servers = \"embedded\"\n[handlers.h]\ncomponent = \"h.wasm\"\n\
         topics = [\"in\"]\n{lines}"
    );
    let config = pelton_config::parse(&text, Path::new("pelton.toml"), &|_| None).unwrap();
    handler_env(&config.handlers["h"])
}

#[test]
fn every_limit_is_settable_for_a_handler_and_means_itself() {
    let limits = r#"
[handlers.h.limits]
memory = "20 MiB"
table-elements = 1001
time-per-message = "1002ms"
output-messages = 1003
output-bytes = 1004
host-call-bytes = 10050000
http-requests = 1006
http-body-bytes = 1007
log-lines = 1008
log-line-bytes = 1009
instances = 7
"#;
    let expected = Limits {
        memory_bytes: 20 << 20,
        table_elements: 1001,
        time_per_message: Duration::from_millis(1002),
        output_messages: 1003,
        output_bytes: 1004,
        host_call_bytes: 10_050_000,
        http_requests: 1006,
        http_body_bytes: 1007,
        log_lines: 1008,
        log_line_bytes: 1009,
    };
    assert_eq!(env_of(limits).limits, expected);
    let schema = pelton_config::json_schema();
    let keys = schema["$defs"]["Limits"]["properties"].as_object().unwrap();
    for key in keys.keys() {
        assert!(
            limits.contains(&format!("\n{key} = ")),
            "`{key}` is not set here"
        );
    }
}

#[test]
fn isolation_grants_and_settings_are_the_handlers_own() {
    assert_eq!(env_of("").isolation, Isolation::Instance);
    let env = env_of(
        "isolation = \"message\"\nsettings = { b = \"2\", a = \"1\" }\n\
         grants = { http = [\"https://a.example\"], http-private = [\"http://b.internal\"] }\n",
    );
    assert_eq!(env.isolation, Isolation::Message);
    let origins = |origins: &[pelton_types::Origin]| -> Vec<String> {
        origins.iter().map(ToString::to_string).collect()
    };
    assert_eq!(origins(&env.grants.http), ["https://a.example"]);
    assert_eq!(origins(&env.grants.http_private), ["http://b.internal"]);
    let settings = [("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(env.settings, settings);
}
