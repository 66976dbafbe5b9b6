//! What `pelton dev` builds: the handlers that name a source folder.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use pelton_config::Config;
use pelton_toolchain::{CargoOutput, Rebuilder, Toolchain};
use tracing::{error, info};

use super::looking::Compiled;

/// How often sources are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What builds the handlers that name a source folder.
#[derive(Default)]
pub(super) struct Sources {
    /// The time of the configuration that was last looked at.
    changed: Option<SystemTime>,
    toolchain: Option<Toolchain>,
    builds: Vec<Build>,
}

struct Build {
    handler: String,
    source: PathBuf,
    component: PathBuf,
    rebuilder: Rebuilder,
}

impl Sources {
    /// Those of the handlers that name a source folder. What was built before is not built again.
    pub(super) fn take(&mut self, config: &Config) -> anyhow::Result<()> {
        let mut builds = Vec::new();
        for handler in config.handlers.values() {
            let Some(source) = &handler.source else {
                continue;
            };
            let component = &handler.component.path;
            let same = |build: &Build| build.source == *source && build.component == *component;
            let known = self.builds.iter().position(same);
            builds.push(Build {
                handler: handler.name.clone(),
                source: source.clone(),
                component: component.clone(),
                rebuilder: match known {
                    Some(at) => self.builds.swap_remove(at).rebuilder,
                    None => Rebuilder::new(self.toolchain()?, source, component),
                },
            });
        }
        self.builds = builds;
        Ok(())
    }

    fn toolchain(&mut self) -> anyhow::Result<Toolchain> {
        if self.toolchain.is_none() {
            let found = Toolchain::find().context("handlers can't be built from their sources")?;
            self.toolchain = Some(found);
        }
        self.toolchain.clone().context("no toolchain")
    }

    /// Takes up what a changed configuration says. What is wrong with one is the daemon's to tell.
    fn follow(&mut self, file: &Path) {
        let changed = fs::metadata(file).and_then(|found| found.modified()).ok();
        if std::mem::replace(&mut self.changed, changed) == changed {
            return;
        }
        let Ok(config) = pelton_config::load(file) else {
            return;
        };
        if let Err(why) = self.take(&config) {
            error!("{why:#}");
        }
    }
}

/// Builds what has changed, for as long as the process lives. Cargo's own words go to the terminal.
pub(super) fn keep_built(mut sources: Sources, file: &Path, compiled: &Compiled) {
    loop {
        sources.follow(file);
        for one in &mut sources.builds {
            build(one, compiled);
        }
        thread::sleep(LOOK);
    }
}

fn build(build: &mut Build, compiled: &Compiled) {
    let (handler, rebuilder) = (&build.handler, &mut build.rebuilder);
    if !rebuilder.is_stale() {
        return;
    }
    let folder = rebuilder.folder().display().to_string();
    info!(%handler, %folder, "building component");
    let built = rebuilder.compile(CargoOutput::Shown).and_then(|file| {
        compiled.done(handler);
        rebuilder.place(&file)
    });
    match built {
        Ok(true) => info!(%handler, "component built"),
        Ok(false) => {
            compiled.forget(handler);
            info!(%handler, "component built; it is the same as before");
        }
        Err(why) => error!(%handler, %folder, "component not built, what runs goes on: {why:#}"),
    }
}
