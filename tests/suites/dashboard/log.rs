//! A handler's last log lines: its component's own and the daemon's, live and as text.

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Screen, Stage, TestCluster};

use crate::{HOSTILE, LIMIT, below, choose, finish, open, picture, toggle};

#[test]
fn the_last_lines_about_a_handler_come_by_themselves_and_are_only_text() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "logged", 1)?);
    let once = "retry = { attempts = 1 }";
    let mut daemon = stage.daemon("misbehave", once)?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.click(&toggle(&stage.handler))?;
    choose(&page, &stage.handler, "Log")?;
    let lines = below(&stage.handler, ".log");
    page.wait_for_text(&lines, "revision runs")?;
    // What the component says, and then what the daemon says of its trap.
    client.produce(
        &stage.input,
        &[Draft::new("k", format!("trap:said {HOSTILE}"))],
    )?;
    page.wait_for_text(&lines, &format!("{}: said {HOSTILE}", stage.handler))?;
    page.wait_for_text(&lines, "dead-lettering message")?;
    let made = format!(
        "document.querySelectorAll({:?}).length",
        below(&stage.handler, ".log :is(img, script)")
    );
    ensure!(
        page.value(&made)? == 0,
        "something was made of a line's text"
    );
    let newest = format!(
        "document.querySelector({:?}).innerText.includes('dead-lettering message')",
        below(&stage.handler, ".log li")
    );
    ensure!(page.value(&newest)? == true, "the newest line stands first");
    picture(&page, daemon.folder(), "log")?;
    finish(&page, daemon)
}
