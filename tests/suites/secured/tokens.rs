//! Tokens from a file (SASL OAUTHBEARER), which is renewed while the daemon runs.

use std::time::Duration;

use anyhow::{Result, ensure};
use pelton_harness::{Login, Stage, TestCluster, TestDaemon};

use super::{LIMIT, reason, said_once, shown_without, works};

const AN_HOUR: Duration = Duration::from_secs(3_600);
/// Long enough to do some work, and no longer.
const SHORT: Duration = Duration::from_secs(15);
/// What the log says of a token that there isn't, or that is refused.
const REFUSED: &str = "oauth-token-file";

fn daemon(stage: &Stage, token: Option<&str>) -> Result<TestDaemon> {
    let (_, secured) = TestCluster::shared_secured();
    let login = Login::Token(token);
    secured
        .daemon_by(login, &[stage], &secured.authority)?
        .start()
}

/// It says so with these words; a good token that is written then is all it needs.
fn goes_on_with_another(
    daemon: &mut TestDaemon,
    stage: &Stage,
    words: &str,
    done: usize,
) -> Result<()> {
    let (_, secured) = TestCluster::shared_secured();
    println!("{}", reason(daemon, stage, &[REFUSED, words])?);
    let good = secured.issuer.token(secured.user, AN_HOUR)?;
    Login::Token(Some(&good)).write(daemon.folder())?;
    daemon.wait_ready(LIMIT)?;
    works(stage, done)?;
    said_once(daemon, REFUSED, &good)?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn a_missing_token_is_told_and_waited_for() -> Result<()> {
    let (cluster, _) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "tokenless", 2)?;
    let mut daemon = daemon(&stage, None)?;
    goes_on_with_another(&mut daemon, &stage, "kafka.token can't be read", 0)
}

#[test]
fn an_expired_token_is_told_and_a_renewed_one_taken_in() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "expires", 2)?;
    let short = secured.issuer.token(secured.user, SHORT)?;
    let mut daemon = daemon(&stage, Some(&short))?;
    works(&stage, 0)?;
    shown_without(&daemon, &short)?;
    goes_on_with_another(&mut daemon, &stage, "expired", 200)?;
    ensure!(daemon.log_count(&short) == 0, "a token in the log");
    Ok(())
}

#[test]
fn a_token_of_another_issuer_is_told_and_a_good_one_taken_in() -> Result<()> {
    let (cluster, secured) = TestCluster::shared_secured();
    let stage = Stage::new(cluster, "forged", 2)?;
    let forged = secured.other_issuer.token(secured.user, AN_HOUR)?;
    let mut daemon = daemon(&stage, Some(&forged))?;
    goes_on_with_another(&mut daemon, &stage, "invalid_token", 0)?;
    ensure!(daemon.log_count(&forged) == 0, "a token in the log");
    Ok(())
}
