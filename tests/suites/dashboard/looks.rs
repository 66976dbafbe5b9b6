//! On a phone, in the dark, and under the page's own policy.

use anyhow::{Context, Result, ensure};
use pelton_harness::{Page, Screen};
use serde_json::json;

use crate::{below, item, office::office, open, picture, toggle, well};

/// Fails where the page is wider than its screen, or something sticks out of it.
fn fits(page: &Page<'_>) -> Result<()> {
    let wide = page.value(
        "[document.documentElement, ...document.querySelectorAll('body *')]
            .filter((one) => one.checkVisibility() && !one.closest('.unseen'))
            .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
            .map((one) => one.outerHTML.slice(0, 200))",
    )?;
    ensure!(wide == json!([]), "wider than the screen: {wide:#}");
    let scrolls =
        page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")?;
    ensure!(scrolls == 0, "scrolls by {scrolls}");
    Ok(())
}

#[test]
fn nothing_scrolls_sideways_on_a_phone_and_fingers_find_every_button() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::PHONE)?;
    page.wait_for_text(&item(&office.stuck.handler, ""), "Oldest unfinished")?;
    fits(&page)?;
    picture(&page, office.daemon.folder(), "phone-overview")?;
    page.click(&toggle(&office.stuck.handler))?;
    let tabs = below(&office.stuck.handler, "[role=tab]");
    let labels = page.value(&format!(
        "[...document.querySelectorAll({tabs:?})].map((tab) => tab.id)"
    ))?;
    for id in labels.as_array().context("tabs")? {
        page.click(&format!("[id={id}]"))?;
        fits(&page).with_context(|| format!("{id}"))?;
        picture(
            &page,
            office.daemon.folder(),
            &format!(
                "phone-{}",
                id.as_str()
                    .unwrap_or_default()
                    .split('-')
                    .nth(1)
                    .unwrap_or_default()
            ),
        )?;
    }
    let small = page.value(
        "[...document.querySelectorAll('button, input')]
            .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 32)
            .map((one) => one.outerHTML)",
    )?;
    ensure!(small == json!([]), "too small for a finger: {small:#}");
    page.click(&below(&office.stuck.handler, ".about button"))?;
    page.wait_for_text("dialog[open]", "Pause")?;
    fits(&page)?;
    picture(&page, office.daemon.folder(), "phone-dialog")?;
    page.press("Escape")?;
    well(&page, &office.daemon)
}

/// The lowest contrast between a visible text and what is behind it, as WCAG counts it, with the text.
const CONTRAST: &str = "(() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b]
        .map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (node) => {
        for (let one = node; one; one = one.parentElement) {
            const colour = numbers(getComputedStyle(one).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const found = [...document.querySelectorAll('body *')]
        .filter((one) => one.checkVisibility() && !one.disabled && [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
        .map((one) => {
            const [front, back] = [light(numbers(getComputedStyle(one).color)), light(behind(one))];
            return [(Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05), one.innerText.slice(0, 60)];
        });
    return found.sort((a, b) => a[0] - b[0])[0];
})()";

#[test]
fn it_is_light_or_dark_as_the_system_is_and_readable_in_both() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    page.click(&toggle(&office.stuck.handler))?;
    page.wait_for_text(&below(&office.stuck.handler, "tbody tr"), "retrying")?;
    let ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0)";
    for (dark, name) in [(false, "unfolded-light"), (true, "unfolded-dark")] {
        page.show_on(Screen {
            dark,
            ..Screen::LAPTOP
        })?;
        page.wait(
            "the ground to follow",
            &format!("({ground} < 200) === {dark}"),
        )?;
        let lowest = page.value(CONTRAST)?;
        ensure!(
            lowest[0].as_f64().is_some_and(|ratio| ratio >= 4.5),
            "dark: {dark}: {lowest}"
        );
        picture(&page, office.daemon.folder(), name)?;
    }
    well(&page, &office.daemon)
}

#[test]
fn the_page_s_policy_lets_nothing_run_or_load_but_its_own_files() -> Result<()> {
    let office = office();
    let page = open(&office.daemon, Screen::LAPTOP)?;
    page.wait_for_text("#verdict", "handlers")?;
    well(&page, &office.daemon)?;
    // Whatever got into the page could neither run nor load anything, nor become markup.
    page.value("(window.refused = [], document.addEventListener('securitypolicyviolation', (one) => window.refused.push(one.effectiveDirective)))")?;
    for (attempt, directive) in [
        (
            "document.body.append(Object.assign(document.createElement('script'), { src: 'http://192.0.2.1/x.js' }))",
            "require-trusted-types-for",
        ),
        (
            "fetch('http://192.0.2.1/').then(() => 'loaded', () => 'refused')",
            "connect-src",
        ),
        (
            "document.body.append(Object.assign(new Image(), { src: 'http://192.0.2.1/x.png' }))",
            "img-src",
        ),
    ] {
        // The first throws.
        let _ = page.value(attempt);
        page.wait(
            &format!("{attempt} to be refused"),
            &format!("window.refused.includes('{directive}')"),
        )?;
    }
    let markup = page.value("(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken' } catch { return 'refused' } })()")?;
    ensure!(markup == "refused", "text became markup");
    let elsewhere = page
        .requests()
        .into_iter()
        .filter(|asked| asked.contains("192.0.2.1"))
        .count();
    let framed =
        page.value("fetch('/').then((page) => page.headers.get('content-security-policy'))")?;
    ensure!(
        framed
            .as_str()
            .is_some_and(|policy| policy.contains("frame-ancestors 'none'"))
    );
    ensure!(elsewhere <= 3, "asked elsewhere {elsewhere} times");
    Ok(())
}
