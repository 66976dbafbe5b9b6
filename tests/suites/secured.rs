//! A broker with TLS, passwords, certificates, tokens and access rules: a daemon works there, and what it is refused it
//! says once, in plain words, loses nothing meanwhile, and goes on by itself.

#[path = "secured/certificates.rs"]
mod certificates;
#[path = "secured/denied.rs"]
mod denied;
#[path = "secured/tokens.rs"]
mod tokens;

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Copies, DaemonOptions, Login, Stage, TestCluster, TestDaemon,
    command::{pelton, words},
    orders, wait,
};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// A daemon of these handlers that comes by the listener with TLS.
fn daemon(stages: &[&Stage], password: &str, authority: &Path) -> Result<TestDaemon> {
    let (_, secured) = TestCluster::shared_secured();
    secured.daemon(stages, password, authority)?.start()
}

/// What status says of a handler's reasons, once it says something with these words.
fn reason(daemon: &TestDaemon, stage: &Stage, words: &[&str]) -> Result<String> {
    let mut last = String::new();
    let found = wait::until("the reason to be told", LIMIT, || {
        let (code, answer, _) = pelton(daemon.folder(), &["status", &stage.handler, "--json"])?;
        let reasons = answer["handlers"][0]["reasons"].as_array().cloned();
        last = reasons
            .iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("; ");
        Ok((code == 0 && words.iter().all(|word| last.contains(word))).then(|| last.clone()))
    });
    found.with_context(|| format!("last said: {last:?}"))
}

/// Everything that is put in comes out once and is committed.
fn works(stage: &Stage, from: usize) -> Result<()> {
    works_at(&TestCluster::shared_secured().0, stage, from)
}

fn works_at(cluster: &TestCluster, stage: &Stage, from: usize) -> Result<()> {
    let client = cluster.client()?;
    let drafts = orders(from + 200);
    client.produce(&stage.input, &drafts[from..])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()
}

/// The log has no more than one warning about it, and nowhere a password.
fn said_once(daemon: &TestDaemon, words: &str, password: &str) -> Result<()> {
    let lines = daemon.log_lines(words);
    ensure!(lines.len() == 1, "said {} times: {lines:#?}", lines.len());
    ensure!(
        daemon.log_count(password) == 0,
        "a password stands in the log"
    );
    Ok(())
}

/// `pelton config show` hides it.
fn shown_without(daemon: &TestDaemon, secret: &str) -> Result<()> {
    let (code, shown) = words(daemon.folder(), &["config", "show"])?;
    ensure!(code == 0 && shown.contains("[clusters.default]"), "{shown}");
    ensure!(!shown.contains(secret), "{shown}");
    Ok(())
}

/// Has the changed files taken in.
fn reloaded(daemon: &mut TestDaemon) -> Result<()> {
    let (code, _, words) = pelton(daemon.folder(), &["reload"])?;
    ensure!(code == 0, "{code}: {words}");
    daemon.wait_ready(LIMIT)
}

/// The same, after which everything is as it should be.
fn mended(daemon: &mut TestDaemon, stage: &Stage) -> Result<()> {
    reloaded(daemon)?;
    works(stage, 0)
}

/// A wrong password is told, and a mended one works after a reload.
fn refuses_a_wrong_password(login: fn(&'static str) -> Login<'static>) -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "wrongly", 1)?;
    let wrong = login("not-the-password");
    let daemon = secured.daemon_by(wrong, &[&stage], &secured.authority)?;
    let mut daemon = daemon.start()?;
    let why = reason(&daemon, &stage, &[&secured.bootstrap, "sasl.password"])?;
    println!("{why}");
    said_once(&daemon, "sasl.password", "not-the-password")?;
    login(secured.password).write(daemon.folder())?;
    mended(&mut daemon, &stage)?;
    shown_without(&daemon, secured.password)?;
    said_once(&daemon, "sasl.password", secured.password)
}

#[test]
fn a_wrong_password_is_told_and_a_mended_one_works_after_a_reload() -> Result<()> {
    refuses_a_wrong_password(Login::Scram)
}

#[test]
fn so_is_one_that_is_sent_as_it_is() -> Result<()> {
    refuses_a_wrong_password(Login::Plain)
}

/// Where systemd would have put what the unit's LoadCredential names.
fn with_credentials(options: DaemonOptions, credentials: &[(&str, &str)]) -> Result<DaemonOptions> {
    let folder = options.folder().join("credentials");
    fs::create_dir(&folder)?;
    for (name, secret) in credentials {
        fs::write(folder.join(name), secret)?;
    }
    let folder = folder.to_str().context("the path is text")?;
    Ok(options.environment("CREDENTIALS_DIRECTORY", folder))
}

#[test]
fn credentials_of_the_unit_log_in_and_guard_the_admin_address() -> Result<()> {
    const TOKEN: &str = "a-token-of-some-length";
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "handed-over", 1)?;
    let options = secured.daemon(&[&stage], secured.password, &secured.authority)?;
    fs::remove_file(options.folder().join("password"))?;
    let file = options.folder().join("pelton.toml");
    let config =
        fs::read_to_string(&file)?.replace("${file:password}", "${credential:kafka-password}");
    let guarded = config + "token-file = \"${CREDENTIALS_DIRECTORY}/admin-token\"\n";
    fs::write(file, guarded)?;
    let password = format!("{}\n", secured.password);
    let credentials = [("kafka-password", &*password), ("admin-token", TOKEN)];
    let mut daemon = with_credentials(options, &credentials)?.start()?;
    works(&stage, 0)?;
    let admin = daemon.admin().to_owned();
    assert_eq!(daemon.get("/v1/status")?.status, 401);
    // A shell has no credentials: it names the address, and a file that it may read.
    let token = daemon.folder().join("credentials/admin-token");
    let token = token.to_str().context("the path is text")?;
    let named = ["status", "--admin", &admin, "--token-file", token, "--json"];
    let (code, status, words) = pelton(daemon.folder(), &named)?;
    assert_eq!(
        (code, &status["handlers"][0]["state"]),
        (0, &"running".into()),
        "{words}"
    );
    for secret in [secured.password, TOKEN] {
        ensure!(daemon.log_count(secret) == 0, "a secret stands in the log");
    }
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_certificate_that_is_not_trusted_is_told() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "untrusted", 1)?;
    let daemon = daemon(&[&stage], secured.password, &secured.stranger)?;
    let why = reason(&daemon, &stage, &[&secured.bootstrap, "ssl.ca.location"])?;
    println!("{why}");
    said_once(&daemon, "ssl.ca.location", secured.password)
}
