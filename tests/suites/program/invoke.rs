//! `pelton invoke`: a message from flags, files and standard input, and what the handler answers.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use pelton_harness::paths;
use serde_json::{Value, json};

use crate::{guest, pelton};

/// What comes of invoking the guest that forwards whatever it is given, with this on standard input.
fn invoke(folder: &Path, input: &str, arguments: &[&str]) -> Result<(i32, Value, String)> {
    let mut child = Command::new(paths::pelton()?)
        .args(["invoke", &guest("passthrough")?, "--json"])
        .args(arguments)
        .current_dir(folder)
        .env("CACHE_DIRECTORY", folder.join("cache"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut pipe = child.stdin.take().context("no standard input")?;
    // One that refuses its arguments reads nothing.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    let done = child.wait_with_output()?;
    let code = done.status.code().context("it was ended by a signal")?;
    let answer = serde_json::from_slice(&done.stdout).unwrap_or_default();
    Ok((code, answer, String::from_utf8(done.stderr)?))
}

#[test]
fn invoke_shows_what_a_handler_answers_and_exits_as_it_does() -> Result<()> {
    let shouting = [
        "invoke",
        &guest("bare_wit")?,
        "--key",
        "k",
        "--value",
        "hello",
        "-H",
        "a=b",
        "--json",
    ];
    let (code, text) = pelton(&shouting)?;
    let told: Value = serde_json::from_str(&text)?;
    assert_eq!((code, &told["verdict"]), (0, &Value::from("done")));
    let output = &told["outputs"][0];
    assert_eq!(output["key"], "k");
    assert_eq!(output["value"], "HELLO");
    assert_eq!(output["headers"], serde_json::json!([["a", "b"]]));

    let rejecting = [
        "invoke",
        &guest("misbehave")?,
        "--value",
        "reject:not today",
    ];
    let (code, text) = pelton(&rejecting)?;
    assert_eq!(code, 1);
    ensure!(text.contains("failed (reject): not today"), "{text}");
    Ok(())
}

#[test]
fn keys_values_and_headers_come_from_flags_files_and_standard_input() -> Result<()> {
    let folder = paths::fresh_folder("invoke")?;
    fs::write(folder.join("text"), "from a file\n")?;
    let fixture = "[message]\nkey = \"its key\"\nvalue = \"its value\"\n\
                   headers = [{ name = \"its\", value = \"header\" }]\n";
    fs::write(folder.join("fixture.toml"), fixture)?;
    let (piped, file) = (fixture, "from a file\n");
    let its = json!([["its", "header"]]);
    for (input, arguments, key, value, headers) in [
        (
            "",
            "-k key -v value -H a=b -H a=c -H null",
            json!("key"),
            json!("value"),
            json!([["a", "b"], ["a", "c"], ["null", null]]),
        ),
        ("", "", Value::Null, Value::Null, json!([])),
        ("a\nb", "-v -", Value::Null, json!("a\nb"), json!([])),
        ("", "-k @text -v @text", json!(file), json!(file), json!([])),
        ("", "-v @@text", Value::Null, json!("@text"), json!([])),
        (
            "piped",
            "-k - -H h=@text -H i=@@x",
            json!("piped"),
            Value::Null,
            json!([["h", file], ["i", "@x"]]),
        ),
        (
            "piped",
            "-H h=-",
            Value::Null,
            Value::Null,
            json!([["h", "piped"]]),
        ),
        (
            piped,
            "-m -",
            json!("its key"),
            json!("its value"),
            its.clone(),
        ),
        (
            "piped",
            "-m fixture.toml -v -",
            json!("its key"),
            json!("piped"),
            its,
        ),
        (
            piped,
            "-m - -k @text -H h=1",
            json!(file),
            json!("its value"),
            json!([["h", "1"]]),
        ),
    ] {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let (code, answer, words) = invoke(&folder, input, &words)?;
        let output = &answer["outputs"][0];
        let (topic, partition) = (Value::Null, Value::Null);
        let expected = json!({ "topic": topic, "partition": partition, "key": key, "value": value, "headers": headers });
        assert_eq!((code, output), (0, &expected), "{arguments}: {words}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_read_is_named() -> Result<()> {
    let folder = paths::fresh_folder("invoke-wrong")?;
    for (arguments, expected) in [
        ("-k - -v -", "--value -: standard input is taken already"),
        (
            "-m - -H h=-",
            "--header h= -: standard input is taken already",
        ),
        (
            "-v @none",
            "--value @none: the file can't be read (write @@none for",
        ),
        ("-H h=@none", "--header h= @none: the file can't be read"),
        ("-m none.toml", "none.toml"),
    ] {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let (code, _, words) = invoke(&folder, "[message]\n", &words)?;
        ensure!(
            code == 1 && words.contains(expected),
            "{arguments}: {code}: {words}"
        );
    }
    Ok(())
}

#[test]
fn a_configured_handler_s_limits_and_settings_hold_where_it_is_named() -> Result<()> {
    let folder = paths::fresh_folder("invoke-as")?;
    let config = "[clusters.default]\nbootstrap-servers = \"embedded\"\n[handlers.tight]\n\
                  component = \"any.wasm\"\ntopics = [\"in\"]\noutputs = [\"out\"]\n\
                  limits = { output-messages = 3 }\nsettings = { mode = \"many-outputs:4\" }\n";
    fs::write(folder.join("pelton.toml"), config)?;
    let component = guest("misbehave")?;
    for (arguments, code, expected) in [
        (
            &["--setting", "mode=many-outputs:4"][..],
            0,
            "done, 4 outputs",
        ),
        (&["--handler", "tight"], 1, "failed (output-limit)"),
        (
            &["--handler", "tight", "-s", "mode=many-outputs:3"],
            0,
            "done, 3 outputs",
        ),
        (
            &["--handler", "none"],
            2,
            "pelton.toml has no handler none; it has tight",
        ),
        (&["--handler", "tight", "-c", "none.toml"], 78, "none.toml"),
        (&["-c", "pelton.toml"], 2, "--handler <NAME>"),
    ] {
        let arguments = [&["invoke", component.as_str(), "-v", "x"], arguments].concat();
        let done = Command::new(paths::pelton()?)
            .args(&arguments)
            .current_dir(&folder)
            .env("CACHE_DIRECTORY", folder.join("cache"))
            .output()?;
        let told = [done.stdout, done.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        ensure!(
            done.status.code() == Some(code) && told.contains(expected),
            "{arguments:?}: {:?}: {told}",
            done.status
        );
    }
    Ok(())
}
