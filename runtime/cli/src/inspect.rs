//! `pelton inspect`: what a component file is.

use std::process::ExitCode;

use anyhow::Context;
use pelton_engine::{Engine, Import, Inspection, Interface};

use crate::{args::InspectArgs, check};

pub(crate) fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let file = args.file.display();
    let engine =
        Engine::new(&check::small_engine()).context("the WebAssembly engine can't start")?;
    let bytes = pelton_daemon::read_component(&args.file, engine.max_component_bytes())
        .with_context(|| format!("{file} can't be read"))?;
    let inspection = engine.inspect(&bytes).with_context(|| file.to_string())?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&json(&inspection))?);
    } else {
        print(&inspection);
    }
    Ok(ExitCode::SUCCESS)
}

fn json(inspection: &Inspection) -> serde_json::Value {
    serde_json::json!({
        "digest": format!("sha256:{}", inspection.digest),
        "bytes": inspection.bytes,
        "form": form(inspection),
        "world": inspection.world(),
        "interface": interface(inspection),
        "setup": inspection.lifecycle,
        "imports": imports(inspection),
        "exports": inspection.exports,
        "needs-grants": inspection.needs_grants().map(|(import, _)| import).collect::<Vec<_>>(),
        "grants": grants(inspection),
        "producers": producers(inspection),
    })
}

fn print(inspection: &Inspection) {
    println!("digest     sha256:{}", inspection.digest);
    println!(
        "size       {} bytes, {}",
        inspection.bytes,
        form(inspection)
    );
    println!(
        "world      {}",
        inspection.world().unwrap_or("none of pelton:handler@0.1.0")
    );
    println!(
        "interface  {}",
        interface(inspection).unwrap_or("none that Pelton can call")
    );
    println!(
        "setup      {}",
        if inspection.lifecycle { "yes" } else { "no" }
    );
    list("imports", &imports(inspection));
    list("exports", &inspection.exports);
    list("grants", &grants(inspection));
    list("made with", &producers(inspection));
}

/// The imports' names; one that no handler is given by itself says so.
fn imports(inspection: &Inspection) -> Vec<String> {
    let shown = |import: &Import| match (import.granted, &import.grant) {
        (true, _) => import.name.clone(),
        (false, Some(_)) => format!("{} (needs a grant)", import.name),
        (false, None) => format!("{} (can't be granted: it would be refused)", import.name),
    };
    inspection.imports.iter().map(shown).collect()
}

/// The lines of the configuration that it needs, each once.
fn grants(inspection: &Inspection) -> Vec<&str> {
    let mut lines: Vec<_> = inspection
        .needs_grants()
        .filter_map(|(_, line)| line)
        .collect();
    lines.dedup();
    lines
}

fn producers(inspection: &Inspection) -> Vec<String> {
    let told = inspection.producers.iter();
    told.map(|(kind, tool)| format!("{kind}: {tool}")).collect()
}

fn list(title: &str, names: &[impl std::fmt::Display]) {
    let mut title = title;
    for name in names {
        println!("{title:<10} {name}");
        title = "";
    }
    if names.is_empty() {
        println!("{title:<10} none");
    }
}

fn form(inspection: &Inspection) -> &'static str {
    if inspection.core_module {
        "core module with component-type information"
    } else {
        "component"
    }
}

fn interface(inspection: &Inspection) -> Option<&'static str> {
    inspection.interface().map(|interface| match interface {
        Interface::Packed => "packed: many messages a call",
        Interface::Simple => "simple: one message a call",
    })
}
