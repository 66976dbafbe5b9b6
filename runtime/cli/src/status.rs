//! `pelton status`: how a running daemon's handlers stand, once or again and again.

mod render;

use std::{
    io::{Write, stdout},
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::Context;
use pelton_daemon::Overview;

use crate::{
    args::StatusArgs,
    ask, exit,
    style::{Look, cut},
};

pub(crate) fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    match args.watch {
        Some(seconds) => watch(args, Duration::from_secs(seconds)),
        None => {
            let overview = match wanted(args, look(args)?) {
                Ok(overview) => overview,
                Err(why) => return Ok(exit::refuse(exit::USAGE, why)),
            };
            if args.json {
                println!("{}", serde_json::to_string_pretty(&overview)?);
            } else {
                let lines = render::lines(&overview, Look::now(), args.all);
                println!("{}", lines.join("\n"));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn look(args: &StatusArgs) -> anyhow::Result<Overview> {
    let answer = ask::look(&args.daemon, "/v1/status")?;
    if let Some(error) = answer.body["error"].as_str() {
        anyhow::bail!("the daemon answers {}: {error}", answer.status);
    }
    serde_json::from_value(answer.body).context("the daemon is of another version")
}

/// What was asked for of it.
fn wanted(args: &StatusArgs, mut overview: Overview) -> Result<Overview, String> {
    let Some(name) = &args.handler else {
        return Ok(overview);
    };
    let known: Vec<_> = overview.handlers.iter().map(|one| &*one.handler).collect();
    let unknown = format!(
        "there is no handler `{name}`; there are: {}",
        known.join(", ")
    );
    overview.handlers.retain(|one| one.handler == *name);
    match overview.handlers.is_empty() {
        true => Err(unknown),
        false => Ok(overview),
    }
}

/// Shows it until interrupted. A daemon that doesn't answer may come back: that is what is watched for.
fn watch(args: &StatusArgs, every: Duration) -> anyhow::Result<ExitCode> {
    let mut screen = Screen::default();
    loop {
        let seen = look(args).map(|overview| wanted(args, overview));
        if args.json {
            match seen {
                Ok(Ok(overview)) => println!("{}", serde_json::to_string(&overview)?),
                Ok(Err(why)) => eprintln!("{why}"),
                Err(error) => eprintln!("{error:#}"),
            }
        } else {
            let look = Look::now();
            screen.draw(look, &frame(args, look, seen))?;
        }
        thread::sleep(every);
    }
}

fn frame(
    args: &StatusArgs,
    look: Look,
    seen: anyhow::Result<Result<Overview, String>>,
) -> Vec<String> {
    match seen {
        Ok(Ok(overview)) => render::lines(&overview, look, args.all),
        Ok(Err(why)) => look.wrap(0, &why),
        Err(error) => {
            let mut lines = look.wrap(0, &format!("{error:#}"));
            lines.push("asking again".to_owned());
            lines
        }
    }
}

/// A terminal that is drawn over. What isn't one gets frame after frame.
#[derive(Default)]
struct Screen {
    begun: bool,
}

impl Screen {
    fn draw(&mut self, look: Look, lines: &[String]) -> anyhow::Result<()> {
        let mut out = stdout().lock();
        let text = match look.width {
            None => lines.join("\n") + "\n\n",
            Some(width) => self.over(width, look.height, lines),
        };
        out.write_all(text.as_bytes())?;
        out.flush().context("nobody reads this any more")
    }

    /// In one piece, each line over the one before, so that nothing flickers.
    fn over(&mut self, width: usize, height: usize, lines: &[String]) -> String {
        let begin = if self.begun {
            "\x1b[H"
        } else {
            "\x1b[2J\x1b[H"
        };
        self.begun = true;
        let most = height.saturating_sub(1).max(1);
        let mut text = begin.to_owned();
        let shown = if lines.len() > most { most - 1 } else { most };
        for line in lines.iter().take(shown) {
            text += &format!("{line}\x1b[K\n");
        }
        if lines.len() > most {
            let more = format!("… {} more lines", lines.len() - shown);
            text += &format!("{}\x1b[K\n", cut(&more, width));
        }
        text + "\x1b[J"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_drawn_over_the_one_before_and_never_scrolls() {
        let mut screen = Screen::default();
        let lines: Vec<String> = (0..5).map(|n| n.to_string()).collect();
        let first = screen.over(80, 4, &lines);
        assert_eq!(
            first,
            "\x1b[2J\x1b[H0\x1b[K\n1\x1b[K\n… 3 more lines\x1b[K\n\x1b[J"
        );
        let second = screen.over(80, 9, &lines);
        assert!(second.starts_with("\x1b[H0") && second.ends_with("4\x1b[K\n\x1b[J"));
    }
}
