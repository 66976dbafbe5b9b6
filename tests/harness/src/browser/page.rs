//! A page: looked at, clicked and typed into as by a person, by real events of mouse and keyboard.

use std::{cell::RefCell, fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Screen, pipe::Pipe};
use crate::wait;

/// How long a page may take to become what is waited for.
const LIMIT: Duration = Duration::from_secs(90);

/// A page in a window of its own. Closed when dropped.
#[derive(Debug)]
pub struct Page<'b> {
    pipe: &'b Pipe,
    context: String,
    session: String,
    /// Every address that was asked for, and everything that the console was told was wrong.
    seen: RefCell<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<String>,
    errors: Vec<String>,
}

impl<'b> Page<'b> {
    pub(super) fn open(pipe: &'b Pipe, screen: Screen) -> Result<Self> {
        let string = |value: &Value| value.as_str().map(str::to_owned).context("a string");
        let made = pipe.ask(None, "Target.createBrowserContext", json!({}))?;
        let context = string(&made["browserContextId"])?;
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let made = pipe.ask(None, "Target.createTarget", target)?;
        let attach = json!({ "targetId": made["targetId"], "flatten": true });
        let attached = pipe.ask(None, "Target.attachToTarget", attach)?;
        let page = Self {
            pipe,
            context,
            session: string(&attached["sessionId"])?,
            seen: RefCell::default(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.ask(&format!("{domain}.enable"), json!({}))?;
        }
        page.show_on(screen)?;
        Ok(page)
    }

    fn ask(&self, method: &str, parameters: Value) -> Result<Value> {
        self.pipe.ask(Some(&self.session), method, parameters)
    }

    /// Shows it on another screen.
    ///
    /// # Errors
    /// When the browser refuses.
    pub fn show_on(&self, screen: Screen) -> Result<()> {
        let Screen {
            width,
            height,
            dark,
        } = screen;
        let phone = width < 600;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.ask("Emulation.setDeviceMetricsOverride", metrics)?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.ask("Emulation.setEmulatedMedia", media)?;
        // Pages beside it are before nobody else.
        self.ask(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": true }),
        )?;
        Ok(())
    }

    /// Goes to an address.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn go(&self, address: &str) -> Result<()> {
        let went = self.ask("Page.navigate", json!({ "url": address }))?;
        ensure!(went.get("errorText").is_none(), "{address}: {went}");
        self.wait(
            "the page to be there",
            "document.readyState === 'complete' && location.protocol !== 'about:'",
        )
    }

    /// Loads it again, and waits until that is there.
    ///
    /// # Errors
    /// When it doesn't come.
    pub fn reload(&self) -> Result<()> {
        self.value("window.wasBefore = true")?;
        self.ask("Page.reload", json!({}))?;
        self.wait(
            "the page to be there anew",
            "!window.wasBefore && document.readyState === 'complete'",
        )
    }

    /// The value of a JavaScript expression.
    ///
    /// # Errors
    /// When it throws.
    pub fn value(&self, expression: &str) -> Result<Value> {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut told = self.ask("Runtime.evaluate", parameters)?;
        if let Some(thrown) = told.get("exceptionDetails") {
            bail!("{expression}: {thrown}");
        }
        Ok(told["result"]["value"].take())
    }

    /// Waits until a JavaScript expression is true.
    ///
    /// # Errors
    /// When it isn't for long, with the page's text.
    pub fn wait(&self, what: &str, expression: &str) -> Result<()> {
        let truth = format!("Boolean({expression})");
        // While one page goes and another comes there is nobody to ask.
        let probe = || Ok(self.value(&truth).is_ok_and(|value| value == true));
        wait::until_true(what, LIMIT, probe).with_context(|| {
            let (text, errors) = (self.text(), self.errors());
            format!("{expression}\n--- the page says\n{text}\n--- errors: {errors:?}")
        })
    }

    /// Waits until an element is there and has this in its text.
    ///
    /// # Errors
    /// When it hasn't for long.
    pub fn wait_for_text(&self, selector: &str, text: &str) -> Result<()> {
        let has = format!(
            "document.querySelector({}) && document.querySelector({}).innerText.includes({})",
            json!(selector),
            json!(selector),
            json!(text)
        );
        self.wait(&format!("{selector} to say {text:?}"), &has)
    }

    /// Clicks into the middle of an element with the mouse, once it is there, can be clicked and is scrolled to.
    ///
    /// # Errors
    /// When there is none, or something covers it.
    pub fn click(&self, selector: &str) -> Result<()> {
        let place = format!(
            "(() => {{
                const node = document.querySelector({});
                if (!node || node.disabled) return null;
                node.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = node.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                const hit = document.elementFromPoint(x, y);
                return hit && (node.contains(hit) || hit.contains(node)) ? [x, y] : null;
            }})()",
            json!(selector)
        );
        let find = || {
            wait::until(&format!("{selector} to be clickable"), LIMIT, || {
                // As where something is waited for: one page may go while another comes.
                let found = self.value(&place).unwrap_or_default();
                Ok(found.as_array().cloned())
            })
            .with_context(|| self.text())
        };
        let mouse = |kind: &str, at: &[Value]| {
            let event =
                json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.ask("Input.dispatchMouseEvent", event)
        };
        // As a person does: where the pointer is, it is looked once more whether the thing is still there.
        mouse("mouseMoved", &find()?)?;
        let at = find()?;
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            mouse(kind, &at)?;
        }
        Ok(())
    }

    /// Presses a key by its name: `Tab`, `Enter`, `Escape`, `ArrowRight`, ` `, or a character.
    ///
    /// # Errors
    /// When the browser refuses.
    pub fn press(&self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "ArrowLeft" => (37, ""),
            "ArrowRight" => (39, ""),
            other => (
                i64::from(other.as_bytes().first().copied().unwrap_or_default()),
                other,
            ),
        };
        let event = json!({ "key": key, "code": key, "windowsVirtualKeyCode": code });
        let mut down = event.clone();
        down["type"] = if text.is_empty() {
            "rawKeyDown"
        } else {
            "keyDown"
        }
        .into();
        down["text"] = text.into();
        let mut up = event;
        up["type"] = "keyUp".into();
        self.ask("Input.dispatchKeyEvent", down)?;
        self.ask("Input.dispatchKeyEvent", up)?;
        Ok(())
    }

    /// Types into what has the focus.
    ///
    /// # Errors
    /// When the browser refuses.
    pub fn enter(&self, text: &str) -> Result<()> {
        self.ask("Input.insertText", json!({ "text": text }))
            .map(drop)
    }

    /// Writes what is seen into a file, as PNG.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn picture(&self, file: &Path) -> Result<()> {
        let taken = self.ask("Page.captureScreenshot", json!({ "format": "png" }))?;
        let text = taken["data"].as_str().context("a picture")?;
        let bytes = STANDARD.decode(text).ok().context("no base64")?;
        Ok(fs::write(file, bytes)?)
    }

    /// What the console was told was wrong: exceptions, refusals of the page's policy, errors and warnings. Requests
    /// that were not answered, or refused, are not among them.
    pub fn errors(&self) -> Vec<String> {
        self.listen();
        self.seen.borrow().errors.clone()
    }

    /// Every address that was asked for.
    pub fn requests(&self) -> Vec<String> {
        self.listen();
        self.seen.borrow().requests.clone()
    }

    /// What a person can read of it.
    fn text(&self) -> String {
        let text = self.value("document.body.innerText").unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    fn listen(&self) {
        let mut seen = self.seen.borrow_mut();
        for event in self.pipe.events(&self.session) {
            let told = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => {
                    let address = told["request"]["url"].as_str();
                    seen.requests.extend(address.map(str::to_owned));
                }
                "Runtime.exceptionThrown" => seen.errors.push(told.to_string()),
                "Runtime.consoleAPICalled" => {
                    if matches!(told["type"].as_str(), Some("error" | "warning" | "assert")) {
                        seen.errors.push(told["args"].to_string());
                    }
                }
                "Log.entryAdded" => {
                    let entry = &told["entry"];
                    let grave = matches!(entry["level"].as_str(), Some("error" | "warning"));
                    if grave && entry["source"] != "network" {
                        seen.errors.push(entry.to_string());
                    }
                }
                _ => {}
            }
        }
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        // It fails only for a browser that has ended.
        let context = json!({ "browserContextId": self.context });
        let _ = self.pipe.ask(None, "Target.disposeBrowserContext", context);
    }
}
