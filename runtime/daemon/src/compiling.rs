//! What the configuration says of compiling, as the engine wants it.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use pelton_config::{Cache, Daemon};
use pelton_engine::{CacheSettings, ChildCompiler, Compiler};

use crate::folders::given;

/// The name of the folder within the one where a user's programs keep such things.
const OURS: &str = "pelton";

/// The largest component file that is taken.
pub fn component_bytes(daemon: &Daemon) -> usize {
    usize::try_from(daemon.component_bytes.get()).unwrap_or(usize::MAX)
}

/// Where components are compiled: in a process of this very program, also when its file has been replaced since.
pub fn compiler(daemon: &Daemon) -> Compiler {
    Compiler::Child(ChildCompiler {
        program: PathBuf::from("/proc/self/exe"),
        time: daemon.compile_timeout,
        memory_bytes: daemon.compile_memory.get(),
        cache: cache(&daemon.cache, |name| env::var_os(name)),
    })
}

/// Where compiled code is kept: where the configuration says, or else the environment.
fn cache(cache: &Cache, variable: impl Fn(&str) -> Option<OsString>) -> Option<CacheSettings> {
    let named = |name: &str, within: &str| {
        let folder = variable(name).filter(|folder| !folder.is_empty())?;
        Some(Path::new(&folder).join(within))
    };
    let folder = cache
        .folder
        .clone()
        .or_else(|| given("CACHE_DIRECTORY", &variable))
        .or_else(|| named("XDG_CACHE_HOME", OURS))
        .or_else(|| named("HOME", ".cache").map(|caches| caches.join(OURS)))?;
    cache.enabled.then(|| CacheSettings {
        folder,
        max_bytes: cache.bytes.get(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(folder: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let settings = Cache {
            folder: folder.map(PathBuf::from),
            ..Daemon::default().cache
        };
        let variable = |name: &str| {
            let found = variables.iter().find(|(named, _)| *named == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let found = cache(&settings, variable)?;
        Some(found.folder.display().to_string())
    }

    #[test]
    fn the_folder_is_where_the_configuration_says_or_the_system() {
        let all = [
            ("CACHE_DIRECTORY", "/var/cache/pelton:/var/cache/more"),
            ("XDG_CACHE_HOME", "/xdg"),
            ("HOME", "/mine/own"),
        ];
        let is = |folder, variables, expected: &str| {
            assert_eq!(chosen(folder, variables).as_deref(), Some(expected));
        };
        is(Some("/mine"), &all, "/mine");
        is(None, &all, "/var/cache/pelton");
        is(None, &all[1..], "/xdg/pelton");
        is(None, &all[2..], "/mine/own/.cache/pelton");
        is(
            None,
            &[("CACHE_DIRECTORY", ""), ("HOME", "/")],
            "/.cache/pelton",
        );
        assert_eq!(chosen(None, &[]), None);
        let off = Cache {
            enabled: false,
            ..Daemon::default().cache
        };
        assert_eq!(cache(&off, |_| Some("/somewhere".into())), None);
    }
}
