//! What a Containerfile says, in as far as ours says it.
//!
//! Invariant: what isn't understood here is an error, so that nothing of the file goes unchecked unnoticed.

use anyhow::{Context, Result, bail};

/// One stage: what it is built upon, and what is done.
#[derive(Debug)]
pub struct Stage {
    /// How others name it.
    pub name: String,
    /// The image that it begins with.
    pub base: String,
    /// Keyword and argument of each instruction.
    pub steps: Vec<(String, String)>,
}

/// What an engine does with the image, as its last stage says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The environment that the image brings.
    pub environment: Vec<(String, String)>,
    /// `USER`: ids of user and group.
    pub user: (u32, u32),
    /// `WORKDIR`.
    pub folder: String,
    /// `VOLUME`: what can be written to although the root can't.
    pub volumes: Vec<String>,
    /// `EXPOSE`.
    pub port: u16,
    /// `STOPSIGNAL`, without `SIG`.
    pub stop: String,
    /// The command of `HEALTHCHECK`.
    pub health: Vec<String>,
    /// `ENTRYPOINT`.
    pub program: Vec<String>,
    /// `CMD`.
    pub arguments: Vec<String>,
}

/// The stages of a Containerfile, in their order.
pub fn stages(text: &str) -> Result<Vec<Stage>> {
    let mut stages: Vec<Stage> = Vec::new();
    for instruction in joined(text) {
        let (keyword, rest) = instruction.split_once(' ').context("no argument")?;
        if keyword == "FROM" {
            let (base, name) = rest.split_once(" AS ").unwrap_or((rest, ""));
            let (name, base) = (name.to_owned(), base.to_owned());
            let steps = Vec::new();
            stages.push(Stage { name, base, steps });
        } else {
            let stage = stages.last_mut().context("it doesn't begin with FROM")?;
            stage.steps.push((keyword.to_owned(), rest.to_owned()));
        }
    }
    Ok(stages)
}

/// Its instructions, each in one line.
fn joined(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim().starts_with('#'));
    let whole = lines.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    let instructions = whole.lines().map(str::trim);
    let said = instructions.filter(|line| !line.is_empty());
    said.map(str::to_owned).collect()
}

impl Settings {
    /// Takes in one instruction of the last stage; `false` where it is about files.
    pub fn take(&mut self, keyword: &str, rest: &str) -> Result<bool> {
        match keyword {
            "ENV" => {
                let (name, value) = rest.split_once('=').context("ENV without =")?;
                self.environment.push((name.to_owned(), value.to_owned()));
            }
            "USER" => {
                let (user, group) = rest.split_once(':').context("USER without a group")?;
                self.user = (user.parse()?, group.parse()?);
            }
            "WORKDIR" => self.folder = rest.to_owned(),
            "VOLUME" => self.volumes = words(rest)?,
            "EXPOSE" => self.port = rest.parse()?,
            "STOPSIGNAL" => {
                let name = rest.strip_prefix("SIG");
                self.stop = name.context("STOPSIGNAL is no name")?.to_owned();
            }
            "HEALTHCHECK" => {
                let (_, command) = rest.split_once("CMD ").context("HEALTHCHECK without CMD")?;
                self.health = words(command)?;
            }
            "ENTRYPOINT" => self.program = words(rest)?,
            "CMD" => self.arguments = words(rest)?,
            "COPY" => return Ok(false),
            _ => bail!("what an engine does with {keyword} {rest:?} is not known here"),
        }
        Ok(true)
    }
}

/// `COPY --from=STAGE FROM TO`.
pub fn copied(rest: &str) -> Result<(&str, &str, &str)> {
    let parts: Vec<&str> = rest.split(' ').collect();
    match parts[..] {
        [stage, from, to] => {
            let stage = stage.strip_prefix("--from=");
            Ok((stage.context("COPY from the context")?, from, to))
        }
        _ => bail!("COPY {rest} is not known here"),
    }
}

/// The form that no shell reads: there is none in the image.
fn words(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).with_context(|| format!("not the form without a shell: {text}"))
}
