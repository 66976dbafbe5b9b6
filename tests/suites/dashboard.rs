//! The dashboard in a real browser: what a person sees of real daemons, and does with them by mouse and keyboard.
//!
//! Each test ends with [`well`]: nothing went wrong in the page, and nothing was loaded from elsewhere. Pictures of what
//! was seen are left in the tests' folders.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use pelton_harness::{Browser, Page, Screen, TestDaemon, wait};
use serde_json::json;

#[path = "dashboard/acting.rs"]
mod acting;
#[path = "dashboard/guarded.rs"]
mod guarded;
#[path = "dashboard/keyboard.rs"]
mod keyboard;
#[path = "dashboard/letters.rs"]
mod letters;
#[path = "dashboard/log.rs"]
mod log;
#[path = "dashboard/looks.rs"]
mod looks;
#[path = "dashboard/many.rs"]
mod many;
#[path = "dashboard/office.rs"]
mod office;
#[path = "dashboard/standing.rs"]
mod standing;
#[path = "dashboard/steady.rs"]
mod steady;

const LIMIT: Duration = Duration::from_secs(90);

/// What a hostile text would do if it were taken for markup: it says so in the window's name.
const HOSTILE: &str =
    r#"<img src=x onerror="window.name='ran'"><script>window.name='ran'</script>"#;

/// The page of a daemon, as soon as it answers.
fn open(daemon: &TestDaemon, screen: Screen) -> Result<Page<'static>> {
    wait::until_true("the daemon to answer", LIMIT, || {
        Ok(daemon.get("/livez").is_ok())
    })?;
    let page = Browser::shared().page(screen)?;
    page.go(&format!("http://{}/", daemon.admin()))?;
    Ok(page)
}

/// Nothing went wrong in the page, nothing hostile ran, and everything came from the daemon.
fn well(page: &Page<'_>, daemon: &TestDaemon) -> Result<()> {
    let errors = page.errors();
    ensure!(errors.is_empty(), "the console was told: {errors:#?}");
    let own = format!("http://{}/", daemon.admin());
    let requests = page.requests();
    ensure!(requests.iter().any(|asked| asked.contains("/v1/status")));
    let elsewhere: Vec<_> = requests
        .iter()
        .filter(|asked| !asked.starts_with(&own))
        .collect();
    ensure!(elsewhere.is_empty(), "loaded from elsewhere: {elsewhere:?}");
    let ran = page.value("window.name")?;
    ensure!(ran == "", "something hostile ran: {ran}");
    Ok(())
}

/// The same, and the daemon ends well too, so that what it did is recorded.
fn finish(page: &Page<'_>, mut daemon: TestDaemon) -> Result<()> {
    well(page, &daemon)?;
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

/// Selects the button that unfolds a handler.
fn toggle(handler: &str) -> String {
    format!("[aria-controls=\"handler-{handler}\"]")
}

/// Selects a handler's whole item, or what is in it.
fn item(handler: &str, within: &str) -> String {
    format!(".handler:has({}) {within}", toggle(handler))
        .trim_end()
        .to_owned()
}

/// Selects what has unfolded below a handler.
fn below(handler: &str, within: &str) -> String {
    format!("[id=\"handler-{handler}\"] {within}")
}

/// Selects a button in the dialog that stands open, by what it says.
fn click_in_dialog(page: &Page<'_>, label: &str) -> Result<()> {
    let mark = format!(
        "[...document.querySelectorAll('dialog[open] button')].find((one) => one.innerText === {})?.setAttribute('data-test', 'it')",
        json!(label)
    );
    page.wait(
        &format!("a dialog with {label:?}"),
        &format!("({mark}, document.querySelector('dialog [data-test=it]'))"),
    )?;
    page.click("dialog [data-test=it]")?;
    page.value("document.querySelectorAll('[data-test]').forEach((one) => one.removeAttribute('data-test'))")?;
    Ok(())
}

/// Opens one of the tabs below a handler that is unfolded.
fn choose(page: &Page<'_>, handler: &str, tab: &str) -> Result<()> {
    page.click(&format!("[id=\"tab-{tab}-{handler}\"]"))
}

/// Leaves a picture.
fn picture(page: &Page<'_>, folder: &Path, name: &str) -> Result<()> {
    page.picture(&folder.join(format!("{name}.png")))
}
