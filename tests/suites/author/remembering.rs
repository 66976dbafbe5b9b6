//! `pelton test` finds what a handler remembers: of a message that comes again, and of others, after a crash.

use std::fs;

use anyhow::{Result, ensure};

use crate::{fixture, handler, out, pelton};

#[test]
fn what_a_handler_remembers_fails_its_fixture_and_clock_and_chance_stand_still() -> Result<()> {
    let folder = handler("twice", "remembers", "")?;
    for name in ["random", "clock", "remaining", "plain"] {
        fixture(&folder, name, &format!("[message]\nvalue = \"{name}\"\n"))?;
    }
    assert_eq!(pelton(&folder, &["test", "--update"])?.code, 0);
    assert_eq!(pelton(&folder, &["test"])?.code, 0);
    let clock = fs::read_to_string(folder.join("fixtures/clock.toml"))?;
    ensure!(clock.contains("value = \"1767225600.0 0\""), "{clock}");

    fixture(
        &folder,
        "seen",
        &format!("[message]\nvalue = \"seen\"\noffset = 9\n\n{}", out("seen")),
    )?;
    let said = pelton(&folder, &["test"])?;
    said.tells(1, "tested seen: failed")?;
    ensure!(
        said.out.contains("delivered again to the same instance"),
        "{}",
        said.out
    );
    ensure!(!said.out.contains("to a fresh instance"), "{}", said.out);
    fixture(&folder, "seen", "[message]\nvalue = \"count\"\n")?;
    let said = pelton(&folder, &["test", "--update"])?;
    said.tells(1, "delivered again to a fresh instance")?;

    // The configuration, not the handler, says that it is meant so.
    let once = handler(
        "once",
        "remembers",
        "[handlers.tested.test]\ndeliver-twice = false\ncrash-before-commit = false\n",
    )?;
    fixture(
        &once,
        "seen",
        &format!("[message]\nvalue = \"seen\"\n\n{}", out("seen")),
    )?;
    let said = pelton(&once, &["test"])?;
    said.tells(0, "each delivered once")?;
    Ok(())
}

#[test]
fn what_a_handler_remembers_of_other_messages_fails_when_they_come_again_after_a_crash()
-> Result<()> {
    // The two messages of one key are not given one after the other, but for the replay.
    let nth = |key: &str| {
        format!(
            "[message]\nkey = \"{key}\"\nvalue = \"nth\"\n\n{}",
            out("1")
        )
    };
    let folder = handler("crashed", "remembers", "")?;
    for (name, key) in [("a", "one"), ("b", "two"), ("c", "one")] {
        fixture(&folder, name, &nth(key))?;
    }
    let said = pelton(&folder, &["test"])?;
    said.tells(1, "2 passed, 1 failed of 3")?;
    said.tells(1, "tested c: failed\n  given again after a crash")?;
    said.tells(1, "- value = \"2\"\n    + value = \"1\"")?;

    let config = folder.join("pelton.toml");
    let text = fs::read_to_string(&config)?;
    let off = format!("{text}[handlers.tested.test]\ncrash-before-commit = false\n");
    fs::write(&config, off)?;
    let said = pelton(&folder, &["test"])?;
    said.tells(0, "3 passed of 3 in fixtures, each delivered again (")?;

    // What is kept and makes no difference is nobody's business.
    let cache = handler("cache", "remembers", "")?;
    for name in ["a", "b", "c", "d"] {
        let message = "[message]\nkey = \"k\"\nvalue = \"cached\"\n";
        fixture(&cache, name, &format!("{message}\n{}", out("K")))?;
    }
    let said = pelton(&cache, &["test"])?;
    said.tells(
        0,
        "4 passed of 4 in fixtures, each delivered again, also after a crash (",
    )
}
