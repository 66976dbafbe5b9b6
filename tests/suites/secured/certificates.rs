//! A listener that asks for a client's certificate.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{
    Identity, Login, Stage, TestCluster, TestDaemon, Version, stage::MISSED_SOON, wait,
};

use super::{LIMIT, mended, reason, reloaded, said_once, shown_without, works, works_at};

/// What the log says where a certificate is refused.
const REFUSED: &str = "ssl.certificate";

/// A daemon with this certificate, or none, that goes to the listener that asks for one.
fn daemon(stage: &Stage, own: Option<&Identity>) -> Result<TestDaemon> {
    let (_, secured) = TestCluster::shared_secured();
    let login = Login::Certificate(own);
    secured
        .daemon_by(login, &[stage], &secured.authority)?
        .start()
}

/// A line in the middle of the key, which stands nowhere else.
fn secret(identity: &Identity) -> &str {
    identity.key.lines().nth(1).unwrap_or_default()
}

/// It is told once that the certificate is refused.
fn is_refused(daemon: &TestDaemon, stage: &Stage) -> Result<()> {
    let (_, secured) = TestCluster::shared_secured();
    let why = reason(daemon, stage, &[&secured.mutual, REFUSED])?;
    println!("{why}");
    said_once(daemon, REFUSED, "PRIVATE KEY")
}

#[test]
fn a_client_with_a_certificate_works_and_shows_no_key() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "certified", 2)?;
    let own = &secured.identity;
    let mut daemon = daemon(&stage, Some(own))?;
    works(&stage, 0)?;
    shown_without(&daemon, secret(own))?;
    ensure!(daemon.log_count(secret(own)) == 0, "a key in the log");
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn an_expired_certificate_is_told_and_another_works_after_a_reload() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "expired", 1)?;
    let mut daemon = daemon(&stage, Some(&secured.expired))?;
    is_refused(&daemon, &stage)?;
    Login::Certificate(Some(&secured.identity)).write(daemon.folder())?;
    mended(&mut daemon, &stage)?;
    said_once(&daemon, REFUSED, secret(&secured.expired))
}

#[test]
fn a_certificate_of_another_authority_is_told() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "unknown", 1)?;
    is_refused(&daemon(&stage, Some(&secured.unknown))?, &stage)
}

#[test]
fn a_missing_certificate_is_told() -> Result<()> {
    let (cluster, _) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "uncertified", 1)?;
    is_refused(&daemon(&stage, None)?, &stage)
}

/// With TLS 1.3 the refusal comes behind the handshake: to a client that has worked it looks like the end of a connection.
#[test]
fn a_certificate_that_is_trusted_no_more_is_told_while_the_daemon_runs() -> Result<()> {
    let (cluster, secured) = TestCluster::start_secured(Version::wanted())?;
    let stage = Stage::new(&cluster, "distrusted", 2)?;
    let login = Login::Certificate(Some(&secured.identity));
    let daemon = secured.daemon_by(login, &[&stage], &secured.authority)?;
    // It can't leave its group while it is refused: it comes back when it was missed.
    let file = daemon.folder().join("pelton.toml");
    let more = format!("[handlers.{}]\n{MISSED_SOON}", stage.handler);
    let text = fs::read_to_string(&file)?.replace(&format!("[handlers.{}]", stage.handler), &more);
    fs::write(&file, text)?;
    let mut daemon = daemon.start()?;
    works_at(&cluster, &stage, 0)?;
    // The brokers come back and trust somebody else.
    fs::copy(&secured.stranger, &secured.authority)?;
    cluster.restart()?;
    println!(
        "{}",
        reason(&daemon, &stage, &["TLS can't be set up", REFUSED])?
    );
    wait::until_true("it to be called that alone", LIMIT, || {
        let is = |about: &str| daemon.metric("pelton_handler_trouble", &[about]);
        Ok(is("about=\"tls\"")? == 1.0 && is("about=\"unreachable\"")? == 0.0)
    })?;
    Login::Certificate(Some(&secured.unknown)).write(daemon.folder())?;
    reloaded(&mut daemon)?;
    works_at(&cluster, &stage, 200)?;
    said_once(&daemon, REFUSED, secret(&secured.identity))?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
