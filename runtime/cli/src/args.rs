//! The command line.

mod config;
mod letters;
mod offsets;
mod operate;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use pelton_types::Origin;

pub(crate) use self::config::ConfigFile;
pub(crate) use self::letters::{DlqCommand, ListArgs, PurgeArgs, RedriveArgs, ShowArgs, WhoseArgs};
pub(crate) use self::offsets::{OffsetsArgs, OffsetsCommand, ResetArgs};
pub(crate) use self::operate::{DaemonArgs, HandlerArgs, HealthArgs, ReloadArgs, StatusArgs};

/// Runs event handlers, written as WebAssembly components, on Apache Kafka.
///
/// Every message of the configured topics is given to a handler; what it returns is produced to other
/// topics, and the offset is committed only when the handler succeeded and its outputs are acknowledged.
#[derive(Debug, Parser)]
#[command(
    name = "pelton",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the handlers of a configuration until told to stop (the daemon).
    ///
    /// Ctrl-C or SIGTERM finishes what is under way, commits, and leaves the groups; a second one ends at once. SIGHUP
    /// reads the configuration anew, as does a change of its file: handlers come, go and change while the others run.
    Run(RunArgs),
    /// Develop handlers: an embedded broker, sources watched, rebuilt and swapped in, messages shown.
    ///
    /// Every handler that names a `source` folder is built from it first, and again whenever it changes. A line tells
    /// how long after the compiler was done a revision had answered its first message.
    Dev(DevArgs),
    /// Make a new handler: a Rust project that builds and passes its test.
    ///
    /// It is a folder NAME in the current one, with source, fixtures, pelton.toml and a README. Pelton's SDK is named in
    /// its Cargo.toml by its path: --sdk, else the variable PELTON_SDK, else the clone of Pelton's repository that the
    /// current folder or this program is in, or that stands beside the current folder as `pelton`.
    New(NewArgs),
    /// Build a handler's source folder into a component, with whatever toolchain is at hand.
    ///
    /// Prints the path of the component on standard output. What it has of debug information comes to stand beside it, in
    /// NAME.debug.wasm, where every command looks for source lines to tell with a trap.
    Build(BuildArgs),
    /// Check a configuration and its components, without a broker.
    Check(CheckArgs),
    /// Test handlers by their fixtures: messages in, outputs or failures expected. Needs no broker.
    ///
    /// A fixture is a TOML file in the handler's `fixtures` folder; docs/testing.md describes it. Each message is
    /// delivered again, to the same instance and to a fresh one, and must give the same each time; switch that off with
    /// `test.deliver-twice` in the configuration. Then all are given to one instance, and what came since a commit again
    /// to a fresh one, as after a crash; switch that off with `test.crash-before-commit`. A handler with a `source` folder
    /// is built first if its component is older.
    ///
    /// Exits with 0 when every fixture is fine, 1 when one isn't, 2 for wrong usage, 78 when the configuration, a
    /// component or a fixtures folder is wrong.
    Test(TestArgs),
    /// Show what a component file is: world, imports, exports, size, digest, what it was made with, and the grants that
    /// it needs.
    Inspect(InspectArgs),
    /// Give one message to a component and show what it answers, without a broker.
    ///
    /// Exits with 0 when the handler succeeded and 1 when it failed or rejected the message.
    Invoke(InvokeArgs),
    /// Show how a running daemon's handlers stand: state, revision, partitions, lag, what the oldest message waits for.
    ///
    /// Exits with 0 when the daemon answers, however its handlers stand, 1 when it doesn't, 2 when there is no such
    /// handler, 78 when the configuration doesn't say where it is asked. `pelton health` is for scripts that want a yes
    /// or no.
    Status(StatusArgs),
    /// Say whether a running daemon is ready, and in plain words why not: for health checks of containers.
    ///
    /// Exits with 0 when it is, 1 when it is not or doesn't answer in time, 78 when the configuration doesn't say where
    /// it is asked.
    Health(HealthArgs),
    /// Have a running daemon read its configuration anew; or load a handler's component from its file now.
    ///
    /// Without HANDLER: handlers are added, removed and changed as the file says, the others notice nothing, and a
    /// file that is wrong changes nothing. With HANDLER: waits until the component runs or is refused. The daemon does
    /// both by itself when a file changes; this tells what came of it, is for file systems that don't tell of changes,
    /// and, with --force, for a component that was refused or rolled back.
    ///
    /// It waits for as long as the daemon is at it, which is up to the trial-timeout and the shutdown-timeout together,
    /// and more where components are compiled. Ctrl-C ends the waiting and nothing else.
    ///
    /// Exits with 0 when all of it is done, 1 when a component is refused, a handler had to be cut short or the daemon
    /// doesn't answer, 2 when there is no such handler, 78 when the configuration is refused or doesn't say where the
    /// daemon is asked.
    Reload(ReloadArgs),
    /// Bring the revision before back into a running handler.
    ///
    /// The one that runs is refused until its file or its configuration changes, or `pelton reload --force`.
    ///
    /// Exits with 0 when it runs, 1 when there is none before or the daemon doesn't answer, 2 when there is no such
    /// handler, 78 when the configuration doesn't say where the daemon is asked.
    Rollback(HandlerArgs),
    /// Pause a running handler: it finishes and commits what is under way, keeps its partitions, and is given nothing more.
    ///
    /// A pause is this daemon's: other members of the group go on. It lasts through rebalances and reloads, until
    /// `pelton resume` or the daemon's end.
    ///
    /// Exits with 0 when it is paused, 1 when the daemon doesn't answer, 2 when there is no such handler, 78 when the
    /// configuration doesn't say where the daemon is asked.
    Pause(HandlerArgs),
    /// Let a paused handler go on.
    ///
    /// Exits with 0 when it goes on, 1 when the daemon doesn't answer, 2 when there is no such handler, 78 when the
    /// configuration doesn't say where the daemon is asked.
    Resume(HandlerArgs),
    /// Show which revision of a running handler's component runs, its probation, and what happened last.
    Revisions(HandlerArgs),
    /// Look at a handler's dead letters, and give them back to it. Needs no daemon.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// See where a handler's group stands in its topics, or set it elsewhere. Needs no daemon.
    #[command(subcommand)]
    Offsets(OffsetsCommand),
    /// Compile the component on standard input and write the answer to standard output: what the daemon starts for each
    /// component, so that no file can take it along.
    #[command(hide = true)]
    Compile(CompileArgs),
    /// Print the completions of this command line for a shell.
    ///
    /// For bash: pelton completions bash > /usr/share/bash-completion/completions/pelton
    Completions(CompletionsArgs),
    /// Write a man page for each command into a folder.
    #[command(hide = true)]
    Man(ManArgs),
    /// About the configuration file itself.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the JSON schema of pelton.toml.
    Schema,
    /// Print the effective configuration: every key that has a value, defaults too, with secrets hidden.
    ///
    /// Hidden are passwords and keys, settings, and whatever came from the environment, a file or a credential.
    ///
    /// Exits with 78 when the configuration is wrong.
    Show(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder; made where it isn't there.
    pub folder: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub config: ConfigFile,
    /// Write what dispatch was told and commanded into this folder, for replay by the simulator.
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub record_dispatch: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub config: ConfigFile,
    /// Use these brokers instead of the embedded one.
    #[arg(long, value_name = "HOST:PORT[,HOST:PORT…]")]
    pub bootstrap_servers: Option<String>,
    /// Put the messages of the handlers' fixtures (those of `pelton test`) into their input topics once the first
    /// revision runs, and again after each swap. FOLDER is for one handler; left out, each handler gets the fixtures that
    /// the configuration names.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1)]
    pub fixtures: Option<Option<PathBuf>>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The handler's name, and the folder's: the letters a to z, digits, `-` and `_`.
    pub name: String,
    /// The folder of Pelton's SDK: plugins/sdk in a clone of its repository.
    #[arg(long, value_name = "FOLDER")]
    pub sdk: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BuildArgs {
    /// The folder of the handler's Cargo.toml.
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Where to put the component; left out, where the folder's pelton.toml says, if one of its handlers has this
    /// folder as its `source`, or else it stays in cargo's target folder.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Install what is missing of the guest toolchain first.
    #[arg(long)]
    pub install: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigFile,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompileArgs {
    /// The largest component that is taken.
    #[arg(long, value_name = "NUMBER", default_value_t = 64 << 20)]
    pub component_bytes: usize,
    /// How much memory this process may take.
    #[arg(long, value_name = "NUMBER", default_value_t = 1 << 30)]
    pub memory_bytes: u64,
    /// How long it may work, all of its threads together.
    #[arg(long, value_name = "NUMBER", default_value_t = 60)]
    pub cpu_seconds: u64,
    /// The process that waits for the answer. This one ends with it.
    #[arg(long, value_name = "ID")]
    pub parent: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The handler to test; left out, all that have fixtures.
    pub handler: Option<String>,
    #[command(flatten)]
    pub config: ConfigFile,
    /// Take the fixtures from this folder instead of the configured one.
    #[arg(long, value_name = "FOLDER")]
    pub fixtures: Option<PathBuf>,
    /// Write what the handlers do into the fixtures, as what is expected from now on.
    #[arg(long)]
    pub update: bool,
    /// Test components as they are, also where their source has changed since.
    #[arg(long)]
    pub no_build: bool,
    /// Write a report in JUnit's format, too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The component file.
    pub file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InvokeArgs {
    /// The component file.
    pub file: PathBuf,
    /// The message's key; left out, the key is null. `-` reads it from standard input, `@FILE` from a file; `@@` stands
    /// for `@`.
    #[arg(short, long)]
    pub key: Option<String>,
    /// The message's value; left out, the message is a tombstone. `-` and `@FILE` as for the key.
    #[arg(short, long)]
    pub value: Option<String>,
    /// A header, as often as needed; `NAME` alone has a null value. `-` and `@FILE` as for the key.
    #[arg(short = 'H', long = "header", value_name = "NAME[=VALUE]")]
    pub headers: Vec<String>,
    /// Take the message from this fixture of `pelton test` (`-`: from one on standard input). What other flags say
    /// besides replaces it, headers all together.
    #[arg(short, long, value_name = "FILE")]
    pub message: Option<PathBuf>,
    /// The topic that the message seems to come from, unless its fixture says.
    #[arg(short, long, default_value = "invoke")]
    pub topic: String,
    /// The partition that it seems to come from.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<i32>,
    /// Its place there.
    #[arg(long, value_name = "NUMBER")]
    pub offset: Option<i64>,
    /// When it was written, in milliseconds since 1970; left out, now (or what its fixture says).
    #[arg(long, value_name = "MILLISECONDS")]
    pub timestamp: Option<i64>,
    /// Which attempt at it this is.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub attempt: u32,
    /// Run the component as this handler of the configuration is run: with its limits, grants, settings and isolation.
    /// Left out, it gets wide limits, and no grants or settings but those given here.
    #[arg(long, value_name = "NAME")]
    pub handler: Option<String>,
    /// The configuration file with that handler. Left out, pelton.toml in the current folder, or else
    /// /etc/pelton/pelton.toml.
    #[arg(short, long, value_name = "FILE", requires = "handler")]
    pub config: Option<PathBuf>,
    /// A setting that the handler reads, as often as needed; one that is configured is replaced.
    #[arg(short, long = "setting", value_name = "NAME=VALUE")]
    pub settings: Vec<String>,
    /// An origin that it may send HTTP requests to, in a private network too, as often as needed.
    #[arg(long = "http", value_name = "ORIGIN", value_parser = origin)]
    pub http: Vec<Origin>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn origin(text: &str) -> Result<Origin, String> {
    let refused = |wrong| format!("it {wrong}; write \"https://api.example.com\"");
    text.parse().map_err(refused)
}
