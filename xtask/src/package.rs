//! `cargo xtask package`: a Debian package of the daemon, made by dpkg-deb alone.
//!
//! Invariant: what is in the package is what stands in this file's table and what the program says of itself.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{paths, shell};

/// What is copied from the repository, where to, and with which rights.
const FILES: &[(&str, &str, u32)] = &[
    (
        "config/pelton.service",
        "usr/lib/systemd/system/pelton.service",
        0o644,
    ),
    (
        "config/pelton-before-253.conf",
        "usr/share/pelton/before-253.conf",
        0o644,
    ),
    (
        "config/pelton.schema.json",
        "usr/share/pelton/pelton.schema.json",
        0o644,
    ),
    (
        "config/pelton.toml",
        "usr/share/doc/pelton/examples/pelton.toml",
        0o644,
    ),
    (
        "config/alerts.yml",
        "usr/share/doc/pelton/examples/alerts.yml",
        0o644,
    ),
    (
        "config/grafana.json",
        "usr/share/doc/pelton/examples/grafana.json",
        0o644,
    ),
    (
        "docs/operating.md",
        "usr/share/doc/pelton/operating.md",
        0o644,
    ),
    (
        "docs/configuration.md",
        "usr/share/doc/pelton/configuration.md",
        0o644,
    ),
    ("docs/metrics.md", "usr/share/doc/pelton/metrics.md", 0o644),
    ("CHANGELOG.md", "usr/share/doc/pelton/CHANGELOG.md", 0o644),
    (
        "config/debian/copyright",
        "usr/share/doc/pelton/copyright",
        0o644,
    ),
    ("config/debian/pelton.toml", "etc/pelton/pelton.toml", 0o644),
    ("config/debian/conffiles", "DEBIAN/conffiles", 0o644),
    ("config/debian/postinst", "DEBIAN/postinst", 0o755),
    ("config/debian/prerm", "DEBIAN/prerm", 0o755),
    ("config/debian/postrm", "DEBIAN/postrm", 0o755),
];
/// Where each shell looks for completions.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/pelton"),
    ("zsh", "usr/share/zsh/vendor-completions/_pelton"),
    ("fish", "usr/share/fish/vendor_completions.d/pelton.fish"),
];

/// What is packaged.
#[derive(clap::Args)]
pub struct Options {
    /// Package the program of the dev profile, which needs no long build.
    #[arg(long)]
    debug: bool,
}

/// Builds the program and the package, and says where that is.
///
/// # Errors
/// When something can't be built.
pub fn run(options: &Options) -> Result<()> {
    let file = build(options.debug)?;
    println!("{}", file.display());
    Ok(())
}

/// The package's file.
fn build(debug: bool) -> Result<PathBuf> {
    let (profile, folder) = match debug {
        true => ("dev", "debug"),
        false => ("release", "release"),
    };
    let arguments = [
        "build",
        "--workspace",
        "--bin",
        "pelton",
        "--locked",
        "--profile",
        profile,
    ];
    shell::run("the build", shell::command("cargo", &arguments), None)?;
    let program = paths::target().join(folder).join("pelton");
    let tree = paths::target().join("package/tree");
    // What an earlier run left there is no part of it.
    let _ = fs::remove_dir_all(&tree);
    fill(&tree, &program)?;
    let architecture = shell::output(shell::command("dpkg", &["--print-architecture"]))?;
    let said = shell::output(shell::command(
        &program.display().to_string(),
        &["--version"],
    ))?;
    let version = said
        .trim()
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .to_owned();
    let control = control(&[
        ("@VERSION@", version.clone()),
        ("@ARCHITECTURE@", architecture.trim().to_owned()),
        ("@SIZE@", size(&tree)?),
        ("@LIBC@", libc(&program)?),
    ])?;
    place(&tree.join("DEBIAN/control"), control.as_bytes(), 0o644)?;
    let name = format!("pelton_{version}_{}.deb", architecture.trim());
    let file = paths::target().join("package").join(name);
    // A quick compression: the program is most of it.
    let mut pack = shell::command(
        "dpkg-deb",
        &["--root-owner-group", "-Zgzip", "-z1", "--build"],
    );
    pack.arg(&tree).arg(&file);
    shell::output(pack)?;
    Ok(file)
}

/// Puts everything in its place.
fn fill(tree: &Path, program: &Path) -> Result<()> {
    for (from, to, mode) in FILES {
        let content = fs::read(paths::root().join(from)).with_context(|| (*from).to_owned())?;
        place(&tree.join(to), &content, *mode)?;
    }
    let installed = tree.join("usr/bin/pelton");
    place(&installed, &[], 0o755)?;
    let mut strip = shell::command("strip", &["--strip-debug", "-o"]);
    strip.arg(&installed).arg(program);
    shell::output(strip)?;
    let program = program.display().to_string();
    for (shell_name, to) in COMPLETIONS {
        let script = shell::output(shell::command(&program, &["completions", shell_name]))?;
        place(&tree.join(to), script.as_bytes(), 0o644)?;
    }
    let pages = tree.join("usr/share/man/man1");
    let mut write = shell::command(&program, &["man"]);
    write.arg(&pages);
    shell::output(write)?;
    for page in fs::read_dir(&pages)? {
        let mut pack = shell::command("gzip", &["-9n"]);
        pack.arg(page?.path());
        shell::output(pack)?;
    }
    Ok(())
}

fn place(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let failed = || format!("can't write {}", path.display());
    let folder = path.parent().with_context(failed)?;
    fs::create_dir_all(folder).with_context(failed)?;
    fs::write(path, content).with_context(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(failed)
}

fn control(values: &[(&str, String)]) -> Result<String> {
    let template = fs::read_to_string(paths::root().join("config/debian/control"))?;
    let filled = values
        .iter()
        .fold(template, |text, (name, value)| text.replace(name, value));
    // One stands in the maintainer's address.
    ensure!(filled.matches('@').count() == 1, "{filled}");
    Ok(filled)
}

/// The oldest libc that has all that the program asks for; what else it needs at run time must be what `Depends` names.
fn libc(program: &Path) -> Result<String> {
    let mut dump = shell::command("objdump", &["-p"]);
    dump.arg(program);
    let dumped = shell::output(dump)?;
    let known = ["libc.so", "libm.so", "libgcc_s.so", "libz.so", "ld-linux"];
    let needed = dumped
        .lines()
        .filter_map(|line| line.trim().strip_prefix("NEEDED"));
    for library in needed.map(str::trim) {
        let named = known.iter().any(|one| library.starts_with(one));
        ensure!(
            named,
            "{library} is needed and stands in no Depends of config/debian/control"
        );
    }
    let versions = dumped
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("GLIBC_2."))
        .filter_map(|minor| minor.split('.').next()?.parse::<u32>().ok());
    let minor = versions.max().context("objdump names no version of libc")?;
    Ok(format!("2.{minor}"))
}

/// The size of a folder in KiB.
fn size(tree: &Path) -> Result<String> {
    let mut du = shell::command("du", &["-sk"]);
    du.arg(tree);
    let said = shell::output(du)?;
    let size = said.split_whitespace().next();
    Ok(size.context("du says no size")?.to_owned())
}

/// Builds the package of the dev profile and looks into it: what is there, what its scripts are, and that the program
/// in it runs with the configuration in it.
///
/// # Errors
/// What is missing.
pub fn check() -> Result<()> {
    let file = build(true)?;
    let mut list = shell::command("dpkg-deb", &["-c"]);
    let listed = shell::output({
        list.arg(&file);
        list
    })?;
    let lines: Vec<&str> = listed.lines().collect();
    let has = |path: &str, rights: &str| {
        let is = |line: &&&str| line.ends_with(&format!(" ./{path}"));
        lines
            .iter()
            .find(is)
            .is_some_and(|line| line.starts_with(rights) && line.contains(" root/root "))
    };
    let packed = FILES.iter().filter(|(_, to, _)| !to.starts_with("DEBIAN/"));
    for (_, to, _) in packed {
        ensure!(
            has(to, "-rw-r--r--"),
            "{to} is not in the package:\n{listed}"
        );
    }
    for (_, to) in COMPLETIONS {
        ensure!(
            has(to, "-rw-r--r--"),
            "{to} is not in the package:\n{listed}"
        );
    }
    ensure!(has("usr/bin/pelton", "-rwxr-xr-x"), "no program:\n{listed}");
    for page in [
        "pelton",
        "pelton-run",
        "pelton-dlq-redrive",
        "pelton-config-show",
    ] {
        let path = format!("usr/share/man/man1/{page}.1.gz");
        ensure!(has(&path, "-rw-r--r--"), "no page {path}:\n{listed}");
    }
    unpacked_works(&file)
}

/// Unpacks it into a folder of its own and has the program judge the configuration that comes with it.
fn unpacked_works(file: &Path) -> Result<()> {
    let root = paths::target().join("package/root");
    let _ = fs::remove_dir_all(&root);
    let mut unpack = shell::command("dpkg-deb", &["-R"]);
    unpack.arg(file).arg(&root);
    shell::output(unpack)?;
    let conffiles = fs::read_to_string(root.join("DEBIAN/conffiles"))?;
    ensure!(
        conffiles.lines().eq(["/etc/pelton/pelton.toml"]),
        "{conffiles}"
    );
    for script in ["postinst", "prerm", "postrm"] {
        let mut syntax = shell::command("sh", &["-n"]);
        syntax.arg(root.join("DEBIAN").join(script));
        shell::output(syntax)?;
    }
    let program = root.join("usr/bin/pelton").display().to_string();
    let mut show = shell::command(&program, &["config", "show", "-c"]);
    show.arg(root.join("etc/pelton/pelton.toml"));
    let shown = shell::output(show)?;
    ensure!(shown.contains("drain-timeout"), "{shown}");
    println!("{}: {} bytes", file.display(), fs::metadata(file)?.len());
    Ok(())
}
