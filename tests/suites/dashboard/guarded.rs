//! Where a token is set, and where the daemon is away.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Page, Screen, Stage, TestCluster, TestDaemon};

use crate::{LIMIT, below, click_in_dialog, finish, item, open, picture, toggle};

const TOKEN: &str = "a-token-of-some-length";

fn guarded(stage: &Stage) -> Result<TestDaemon> {
    let options = stage.daemon("passthrough", "")?;
    let file = options.folder().join("pelton.toml");
    let text = fs::read_to_string(&file)?;
    fs::write(&file, format!("{text}token-file = \"token\"\n"))?;
    fs::write(options.folder().join("token"), TOKEN)?;
    let mut daemon = options.start()?;
    daemon.wait_ready(LIMIT)?;
    Ok(daemon)
}

fn show(page: &Page<'_>, token: &str) -> Result<()> {
    page.wait(
        "the token's field",
        "document.activeElement?.id === 'token'",
    )?;
    page.enter(token)?;
    page.press("Enter")
}

#[test]
fn the_token_is_asked_for_a_wrong_one_is_told_and_the_right_one_is_kept_in_this_tab() -> Result<()>
{
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "tokened", 1)?;
    let mut daemon = guarded(&stage)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text("dialog[open]", "asks for its token")?;
    picture(&page, daemon.folder(), "token")?;
    ensure!(page.value("document.querySelectorAll('.handler').length")? == 0);
    show(&page, "no t\u{f6}ken")?;
    page.wait_for_text("dialog[open]", "no spaces")?;
    ensure!(page.value("document.querySelectorAll('.handler').length")? == 0);
    show(&page, "not-the-token")?;
    page.wait_for_text("dialog[open]", "refused the token (401)")?;
    show(&page, TOKEN)?;
    page.wait_for_text(&item(&stage.handler, ".state"), "running")?;
    ensure!(
        page.value(
            "location.href.includes('token') || document.cookie !== '' || localStorage.length > 0"
        )? == false
    );

    // It holds for changes and after the page is loaded again, and nowhere else.
    page.reload()?;
    page.click(&toggle(&stage.handler))?;
    page.click(&below(&stage.handler, ".about button"))?;
    click_in_dialog(&page, "Pause")?;
    page.wait_for_text(&item(&stage.handler, ".state"), "paused")?;
    daemon.wait_for_log("an operator asked for a change", LIMIT)?;
    let other = open(&daemon, Screen::LAPTOP)?;
    other.wait_for_text("dialog[open]", "asks for its token")?;
    ensure!(daemon.log_count(TOKEN) == 0, "the token stands in the log");
    finish(&page, daemon)
}

#[test]
fn who_has_no_token_is_told_so_and_a_changed_token_is_asked_for_anew() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "locked", 1)?;
    let daemon = guarded(&stage)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text("dialog[open]", "asks for its token")?;
    page.press("Escape")?;
    page.wait_for_text("#banner", "nothing without its token")?;
    page.click("#banner button")?;
    show(&page, TOKEN)?;
    page.wait_for_text(&item(&stage.handler, ".state"), "running")?;
    page.wait(
        "the banner to go",
        "document.querySelector('#banner').hidden",
    )?;
    fs::write(
        daemon.folder().join("token"),
        "another-token-of-some-length",
    )?;
    page.wait_for_text("dialog[open]", "refused the token (401)")?;
    show(&page, "another-token-of-some-length")?;
    page.wait("the dialog to go", "!document.querySelector('dialog')")?;
    page.wait(
        "the picture to be live",
        "!document.body.classList.contains('stale')",
    )?;
    finish(&page, daemon)
}

#[test]
fn a_daemon_that_restarts_is_told_of_and_comes_back_by_itself() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "restarts", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    page.wait_for_text(&item(&stage.handler, ".state"), "running")?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    page.wait_for_text("#verdict", "No answer from the daemon")?;
    page.wait_for_text("#banner", "It may be restarting")?;
    page.wait_for_text("#banner", "What you see is as of")?;
    picture(&page, daemon.folder(), "away")?;
    // What is asked for meanwhile says so where it was asked for.
    page.click(&below(&stage.handler, ".about button"))?;
    click_in_dialog(&page, "Pause")?;
    page.wait(
        "an error",
        "document.querySelector('dialog .problem')?.innerText !== ''",
    )?;
    click_in_dialog(&page, "Close")?;
    daemon.restart()?;
    page.wait(
        "the banner to go",
        "document.querySelector('#banner').hidden",
    )?;
    page.wait_for_text(&item(&stage.handler, ".state"), "running")?;
    ensure!(
        page.value("performance.getEntriesByType('navigation')[0].type")? == "navigate",
        "the page was loaded anew"
    );
    finish(&page, daemon)
}
