//! The binary `pelton`: reads the command line and leaves with an exit code that means something.
//!
//! It holds no logic: each command asks the room that has it, and tells people what came of that.
//!
//! Start reading at `args`, where every command stands; each has a module of its name.

mod allocator;
mod args;
mod ask;
mod build;
mod check;
mod compile;
mod dev;
mod dlq;
mod exit;
mod health;
mod inspect;
mod invoke;
mod logging;
mod manual;
mod new;
mod offsets;
mod pause;
mod reload;
mod revisions;
mod run;
mod status;
mod style;
mod systemd;
mod table;
mod test;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, CheckArgs, Command, ConfigCommand};

fn main() -> ExitCode {
    allocator::begin();
    let outcome = match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Dev(args) => dev::dev(&args),
        Command::New(args) => new::new(&args),
        Command::Build(args) => build::build(&args),
        Command::Check(args) => check::check(&args),
        Command::Compile(args) => compile::compile(&args),
        Command::Test(args) => test::test(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Invoke(args) => invoke::invoke(&args),
        Command::Status(args) => status::status(&args),
        Command::Health(args) => health::health(&args),
        Command::Reload(args) => reload::reload(&args),
        Command::Rollback(args) => revisions::roll_back(&args),
        Command::Pause(args) => pause::pause(&args),
        Command::Resume(args) => pause::resume(&args),
        Command::Revisions(args) => revisions::revisions(&args),
        Command::Offsets(command) => offsets::offsets(&command),
        Command::Dlq(command) => dlq::dlq(&command),
        Command::Completions(args) => manual::completions(args.shell),
        Command::Man(args) => manual::pages(&args.folder),
        Command::Config(ConfigCommand::Schema) => print_schema(),
        Command::Config(ConfigCommand::Show(args)) => show_config(&args),
    };
    outcome.unwrap_or_else(|error| exit::report(&error))
}

fn show_config(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    print!("{}", pelton_config::show(&args.config.path()?)?);
    Ok(ExitCode::SUCCESS)
}

fn print_schema() -> anyhow::Result<ExitCode> {
    println!(
        "{}",
        serde_json::to_string_pretty(&pelton_config::json_schema())?
    );
    Ok(ExitCode::SUCCESS)
}
