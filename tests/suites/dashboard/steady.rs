//! The page goes on by itself: nothing moves under a hand, and neither a new version nor a mistake of its own ends it.

use anyhow::{Result, ensure};
use pelton_harness::{Screen, Stage, TestCluster, command::pelton, wait};

use crate::{LIMIT, finish, item, open, toggle};

/// Has what the daemon tells of how everything stands changed on its way.
fn changed(what: &str) -> String {
    format!(
        "(() => {{
            window.theFetch ??= window.fetch;
            window.fetch = async (...asked) => {{
                const answer = await window.theFetch(...asked);
                return new Response(JSON.stringify({{ ...(await answer.json()), {what} }}), answer);
            }};
        }})()"
    )
}

#[test]
fn who_has_moved_up_stays_there_while_a_hand_is_on_the_list() -> Result<()> {
    let cluster = TestCluster::shared();
    let one = Stage::new(cluster, "steady-a", 1)?;
    let other = Stage::new(cluster, "steady-b", 1)?;
    let options = one.daemon("passthrough", "")?;
    let text = one.config("passthrough", "") + &other.handler_config("passthrough", "");
    let mut daemon = options.config(&text)?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text("#verdict", "All 2 handlers are running")?;
    let is_first = |handler: &str| {
        format!(
            "document.querySelector('.handler').contains(document.querySelector({:?}))",
            toggle(handler)
        )
    };
    page.wait("the order of names", &is_first(&one.handler))?;
    let ask = |what: &str| -> Result<()> {
        let (code, _, words) = pelton(daemon.folder(), &[what, &other.handler])?;
        ensure!(code == 0, "{code}: {words}");
        Ok(())
    };
    ask("pause")?;
    page.wait("the paused one to move up", &is_first(&other.handler))?;
    let focus = format!("document.querySelector({:?}).focus()", toggle(&one.handler));
    page.value(&focus)?;
    ask("resume")?;
    page.wait_for_text(&item(&other.handler, ".state"), "running")?;
    ensure!(
        page.value(&is_first(&other.handler))? == true,
        "it moved under the hand"
    );
    page.value("document.activeElement.blur()")?;
    page.wait("the order of names again", &is_first(&one.handler))?;
    finish(&page, daemon)
}

#[test]
fn another_version_of_the_daemon_brings_its_own_page() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "newer", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text("#verdict", "The handler is running")?;
    page.value(&changed("version: 'another'"))?;
    page.wait(
        "the page to be loaded anew",
        "!window.theFetch && document.readyState === 'complete'",
    )?;
    page.wait_for_text("#verdict", "The handler is running")?;
    finish(&page, daemon)
}

#[test]
fn a_mistake_of_the_page_s_own_is_told_and_it_goes_on() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "mistaken", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text("#verdict", "The handler is running")?;
    page.value(&changed("handlers: null"))?;
    page.wait_for_text("#banner", "null")?;
    wait::until_true("the console to be told", LIMIT, || {
        Ok(!page.errors().is_empty())
    })?;
    page.value("window.fetch = window.theFetch")?;
    page.wait(
        "the banner to go",
        "document.querySelector('#banner').hidden",
    )?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}
