//! `pelton completions` and `pelton man`: what the command line says of itself, for shells and for `man`.

use std::{fs, io, path::Path, process::ExitCode};

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    clap_complete::generate(shell, &mut Args::command(), "pelton", &mut io::stdout());
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for each command into a folder.
pub(crate) fn pages(folder: &Path) -> anyhow::Result<ExitCode> {
    let failed = || format!("can't write man pages into {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    clap_mangen::generate_to(Args::command().disable_help_subcommand(true), folder)
        .with_context(failed)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// The names of all commands that are not hidden, each with those above it.
    fn commands(of: &Command, above: &str, found: &mut Vec<String>) {
        found.push(above.to_owned());
        let shown = of.get_subcommands().filter(|one| !one.is_hide_set());
        shown.for_each(|one| commands(one, &format!("{above}-{}", one.get_name()), found));
    }

    fn all() -> Vec<String> {
        let mut found = Vec::new();
        commands(&Args::command(), "pelton", &mut found);
        found
    }

    #[test]
    fn each_command_has_a_page_and_none_is_of_a_hidden_one() {
        let folder = tempfile::tempdir().unwrap();
        pages(folder.path()).unwrap();
        let mut written: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        written.sort();
        let mut wanted: Vec<String> = all().iter().map(|name| format!("{name}.1")).collect();
        wanted.sort();
        assert_eq!(written, wanted);
        assert!(wanted.len() > 25 && wanted.contains(&"pelton-dlq-redrive.1".to_owned()));
        let page = fs::read_to_string(folder.path().join("pelton-dlq-redrive.1")).unwrap();
        assert!(
            page.contains(".SH NAME") && page.contains("\\-\\-execute"),
            "{page}"
        );
    }

    #[test]
    fn each_shell_completes_each_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "pelton", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in all() {
                let name = command.rsplit('-').next().unwrap();
                assert!(script.contains(name), "{shell}: {command}");
            }
        }
    }
}
