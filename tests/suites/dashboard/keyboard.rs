//! By keyboard alone, and by what a screen reader is told.

use anyhow::{Result, ensure};
use pelton_harness::{Page, Screen, Stage, TestCluster};
use serde_json::json;

use crate::{LIMIT, below, finish, item, office::office, open, toggle, well};

/// Presses Tab until the focus is where it is wanted; each stop on the way must be seen.
fn tab_to(page: &Page<'_>, selector: &str) -> Result<()> {
    let there = format!(
        "document.activeElement === document.querySelector({})",
        json!(selector)
    );
    for _ in 0..40 {
        page.press("Tab")?;
        let seen = "getComputedStyle(document.activeElement).outlineStyle !== 'none' || document.activeElement === document.body";
        ensure!(
            page.value(seen)? == true,
            "the focus isn't seen: {}",
            page.value("document.activeElement.outerHTML")?
        );
        if page.value(&there)? == true {
            return Ok(());
        }
    }
    anyhow::bail!("no way by Tab to {selector}")
}

#[test]
fn a_handler_is_unfolded_looked_into_and_paused_without_a_mouse() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "keyed", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let page = open(&daemon, Screen::LAPTOP)?;
    page.wait_for_text(&item(&stage.handler, ".state"), "running")?;
    tab_to(&page, &toggle(&stage.handler))?;
    page.press("Enter")?;
    page.wait(
        "it to unfold",
        &format!(
            "document.querySelector({:?}).ariaExpanded === 'true'",
            toggle(&stage.handler)
        ),
    )?;
    let button = below(&stage.handler, ".about button");
    tab_to(&page, &button)?;
    tab_to(
        &page,
        &below(&stage.handler, "[role=tab][aria-selected=true]"),
    )?;
    page.press("ArrowRight")?;
    let beside = format!("[id=\"tab-Last-hour-{}\"]", stage.handler);
    page.wait("the tab beside it", &format!("document.activeElement === document.querySelector({beside:?}) && document.activeElement.ariaSelected === 'true'"))?;
    page.press("ArrowLeft")?;
    page.value(&format!(
        "document.querySelector({:?}).focus()",
        toggle(&stage.handler)
    ))?;
    tab_to(&page, &button)?;
    page.press("Enter")?;
    page.wait(
        "the dialog to have the focus",
        "document.querySelector('dialog[open]')?.contains(document.activeElement)",
    )?;
    tab_to(&page, "dialog .primary")?;
    page.press("Enter")?;
    page.wait_for_text(&item(&stage.handler, ".state"), "paused")?;
    let back = format!("document.activeElement === document.querySelector({button:?})");
    page.wait("the focus to be back where it was", &back)?;
    finish(&page, daemon)
}

/// Whatever can be acted upon has a name, and every name of an element that another refers to is there.
const NAMELESS: &str = "[...document.querySelectorAll('button, input, select, [role]:not([role=status]), dialog, table')]
    .filter((one) => one.checkVisibility())
    .filter((one) => !(one.innerText?.trim() || one.ariaLabel || document.getElementById(one.getAttribute('aria-labelledby')) || document.querySelector(`label[for='${one.id}']`)))
    .map((one) => one.outerHTML)";
const DANGLING: &str = "[...document.querySelectorAll('[aria-controls], [aria-labelledby], [aria-describedby]')]
    .flatMap((one) => ['aria-controls', 'aria-labelledby', 'aria-describedby'].map((name) => one.getAttribute(name)))
    .filter((id) => id && !document.getElementById(id))";

#[test]
fn everything_that_can_be_acted_upon_is_a_real_control_with_a_name() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    page.click(&toggle(&office.calm.handler))?;
    page.wait_for_text(&below(&office.calm.handler, ""), "Committed")?;
    for wrong in [NAMELESS, DANGLING] {
        let found = page.value(wrong)?;
        ensure!(found == json!([]), "{wrong}: {found:#}");
    }
    let twice = page.value("[...document.querySelectorAll('[id]')].map((one) => one.id).filter((id, at, all) => all.indexOf(id) !== at)")?;
    ensure!(twice == json!([]), "ids that are there twice: {twice}");
    for (what, live) in [
        ("#verdict", "status"),
        ("#banner", "alert"),
        ("#said", "status"),
    ] {
        let role = page.value(&format!(
            "document.querySelector('{what}').getAttribute('role')"
        ))?;
        ensure!(role == live, "{what} is {role}");
    }
    well(&page, &office.daemon)
}
