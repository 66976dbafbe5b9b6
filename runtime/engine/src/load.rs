//! From bytes to a revision. Nothing is believed before it is checked: a truncated file often compiles.

use std::sync::Arc;

use pelton_types::{RevisionId, hex};
use sha2::{Digest, Sha256};
use wasm_metadata::Producers;
use wasmparser::{Parser, Payload};
use wasmtime::component::{Component, InstancePre, types::ComponentItem};

use crate::{
    bindings::exports::pelton::handler::{lifecycle, packed_handler, simple_handler},
    code, debug,
    engine::Engine,
    env::HandlerEnv,
    error::LoadError,
    file::{ComponentFile, Form},
    host::{self, Standing},
    http::Access,
    inspect::{Import, Inspection},
    limiter::Memory,
    log_budget::LogBudget,
    revision::{Blueprint, Handler, Revision},
    state::State,
    text::bounded,
};

/// The names of the exports, up to the version's last number.
const PACKED: &str = "pelton:handler/packed-handler@0.1.";
const SIMPLE: &str = "pelton:handler/simple-handler@0.1.";
const LIFECYCLE: &str = "pelton:handler/lifecycle@0.1.";
/// Bytes of what the compiler or encoder says that are told.
pub(crate) const REASON_BYTES: usize = 600;
/// Bytes of a name in a component that are told; it may have a hundred thousand.
const NAME_BYTES: usize = 200;

/// A compiled component.
struct Compiled {
    component: Component,
    digest: [u8; 32],
    core_module: bool,
}

/// Loads a handler.
pub(crate) fn revision(
    engine: &Engine,
    bytes: &[u8],
    debug: Option<&[u8]>,
    env: &HandlerEnv,
) -> Result<Revision, LoadError> {
    let (limit, max) = (
        env.limits.memory_bytes,
        engine.inner.settings.max_memory_bytes,
    );
    if limit > max {
        return Err(LoadError::MemoryLimit { limit, max });
    }
    let compiled = compile(engine, bytes, debug)?;
    let (pre, http) = satisfy(engine, &compiled.component, env)?;
    let handler = match exported(engine, &compiled.component, PACKED) {
        true => Handler::Packed(packed(engine, &pre).map_err(mismatch)?),
        false if exported(engine, &compiled.component, SIMPLE) => {
            Handler::Simple(simple(engine, &pre).map_err(mismatch)?)
        }
        false => return Err(no_handler(engine, &compiled.component)),
    };
    let setup = exported(engine, &compiled.component, LIFECYCLE)
        .then(|| setup(engine, &pre))
        .transpose()
        .map_err(mismatch)?;
    let mut settings = env.settings.clone();
    settings.sort_unstable();
    let env = HandlerEnv {
        settings,
        ..env.clone()
    };
    let id = identity(&compiled.digest, &env);
    Ok(Revision::new(Blueprint {
        engine: engine.clone(),
        pre,
        handler,
        setup,
        id,
        name: id.to_string().into(),
        logs: Arc::new(LogBudget::new(
            env.name.as_str().into(),
            env.limits.log_lines,
            env.limits.log_line_bytes,
        )),
        digest: hex(&compiled.digest),
        memory: Memory::default(),
        env: Arc::new(env),
        http,
    }))
}

/// Describes a component.
pub(crate) fn inspection(engine: &Engine, bytes: &[u8]) -> Result<Inspection, LoadError> {
    let compiled = compile(engine, bytes, None)?;
    let component = &compiled.component;
    let imports = component
        .component_type()
        .imports(&engine.inner.wasm)
        .map(|(name, _)| Import {
            name: name.to_owned(),
            granted: host::standing(name) == Standing::Given,
            grant: (host::standing(name) == Standing::ByHttp).then(|| host::http_grant("NAME")),
        })
        .collect();
    Ok(Inspection {
        digest: hex(&compiled.digest),
        bytes: bytes.len(),
        core_module: compiled.core_module,
        imports,
        exports: exports(engine, component),
        packed: exported(engine, component, PACKED),
        simple: exported(engine, component, SIMPLE),
        lifecycle: exported(engine, component, LIFECYCLE),
        producers: producers(bytes),
    })
}

fn compile(engine: &Engine, bytes: &[u8], debug: Option<&[u8]>) -> Result<Compiled, LoadError> {
    let inner = &engine.inner;
    let limit = inner.settings.max_component_bytes;
    let file = ComponentFile::new(bytes, limit)?;
    let same = debug.filter(|debug| debug::describes(debug, bytes));
    let described = same.and_then(|debug| ComponentFile::new(debug, limit).ok());
    let code = |file: &ComponentFile<'_>| inner.workshop.code(&inner.wasm, file, &engine.waiter);
    // With debug information it takes more time and memory, which is no reason to refuse the component.
    let described = described.and_then(|described| {
        let tried = code(&described);
        let failed = |error: &LoadError| {
            tracing::warn!(%error, "debug information is left out: traps are told without source lines");
        };
        tried.inspect_err(failed).ok()
    });
    let code = described.map_or_else(|| code(&file), Ok)?;
    Ok(Compiled {
        component: code::runnable(&inner.wasm, &code).map_err(not_runnable)?,
        digest: file.digest(),
        core_module: file.form == Form::CoreModule,
    })
}

/// Tells what is wrong with a component from what is too much in it: only the texts differ.
fn not_runnable(error: wasmtime::Error) -> LoadError {
    let reason = bounded(&format!("{error:#}"), REASON_BYTES);
    let limits = [
        "in the pooling allocator",
        "which exceeds the limit of",
        "per-instance limit of",
        "instance allocation for this",
    ];
    if limits.iter().any(|limit| reason.contains(limit)) {
        LoadError::TooDemanding { reason }
    } else {
        LoadError::Invalid { reason }
    }
}

/// Finds what the component imports, and what it may reach by it.
fn satisfy(
    engine: &Engine,
    component: &Component,
    env: &HandlerEnv,
) -> Result<(InstancePre<State>, Option<Arc<Access>>), LoadError> {
    let inner = &engine.inner;
    let mut http = false;
    for (name, _) in component.component_type().imports(&inner.wasm) {
        let remedy = match host::standing(name) {
            Standing::Given => continue,
            Standing::ByHttp if env.grants.any_http() => {
                http = true;
                continue;
            }
            Standing::ByHttp => format!("add {}", host::http_grant(&env.name)),
            Standing::Refused => host::remedy(name).to_owned(),
        };
        return Err(LoadError::ImportNotGranted {
            import: bounded(name, NAME_BYTES),
            remedy,
        });
    }
    let linker = match http {
        true => &inner.http_linker,
        false => &inner.linker,
    };
    let pre = linker
        .instantiate_pre(component)
        .map_err(|error| LoadError::ImportMismatch {
            reason: bounded(&format!("{error:#}"), REASON_BYTES),
        })?;
    let network = (!inner.frozen).then_some(&inner.network);
    let access = http.then(|| Access::new(env, network)).transpose();
    let access = access.map_err(|reason| LoadError::Http { reason })?;
    Ok((pre, access.map(Arc::new)))
}

fn packed(
    engine: &Engine,
    pre: &InstancePre<State>,
) -> wasmtime::Result<packed_handler::GuestIndices> {
    check::<(&[u8], &[u32]), ()>(engine, pre, PACKED, "handle")?;
    packed_handler::GuestIndices::new(pre)
}

fn simple(
    engine: &Engine,
    pre: &InstancePre<State>,
) -> wasmtime::Result<simple_handler::GuestIndices> {
    type Answer = Result<Vec<simple_handler::Output>, simple_handler::Failure>;
    check::<(simple_handler::Message<'_>,), (Answer,)>(engine, pre, SIMPLE, "handle")?;
    simple_handler::GuestIndices::new(pre)
}

fn setup(engine: &Engine, pre: &InstancePre<State>) -> wasmtime::Result<lifecycle::GuestIndices> {
    check::<(), (Result<(), String>,)>(engine, pre, LIFECYCLE, "setup")?;
    lifecycle::GuestIndices::new(pre)
}

/// Checks the type of an exported function, which the indices don't.
fn check<Params, Return>(
    engine: &Engine,
    pre: &InstancePre<State>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<()>
where
    Params: wasmtime::component::ComponentNamedList + wasmtime::component::Lower,
    Return: wasmtime::component::ComponentNamedList + wasmtime::component::Lift,
{
    let wasm = &engine.inner.wasm;
    let kind = pre.component().component_type();
    let found = kind
        .exports(wasm)
        .find(|(name, _)| name.starts_with(interface));
    let Some((name, found)) = found else {
        wasmtime::bail!("{interface}x is not exported");
    };
    let ComponentItem::ComponentInstance(instance) = found.ty else {
        wasmtime::bail!("`{name}` is not an interface");
    };
    match instance.get_export(wasm, function).map(|item| item.ty) {
        Some(ComponentItem::ComponentFunc(func)) if !func.async_() => func
            .typecheck::<Params, Return>(&pre.instance_type())
            .map_err(|error| error.context(format!("`{name}#{function}`"))),
        _ => wasmtime::bail!("`{name}` has no synchronous function `{function}`"),
    }
}

fn mismatch(error: wasmtime::Error) -> LoadError {
    LoadError::Export {
        reason: bounded(&format!("{error:#}"), REASON_BYTES),
    }
}

fn exports(engine: &Engine, component: &Component) -> Vec<String> {
    let kind = component.component_type();
    kind.exports(&engine.inner.wasm)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// What the producers' sections say, of the file itself and of all modules within it. What can't be read says nothing.
fn producers(bytes: &[u8]) -> Vec<(String, String)> {
    let mut all = Producers::empty();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Ok(Payload::CustomSection(section)) = payload
            && section.name() == "producers"
            && let Ok(told) = Producers::from_bytes(section.data(), section.data_offset())
        {
            all.merge(&told);
        }
    }
    let tool = |tool: &str, version: &str| {
        let named = format!("{tool} {version}");
        bounded(named.trim_end(), REASON_BYTES)
    };
    let mut found = Vec::new();
    for (kind, tools) in all.iter() {
        found.extend(
            tools
                .iter()
                .map(|(name, version)| (kind.clone(), tool(name, version))),
        );
    }
    found.sort();
    found
}

fn exported(engine: &Engine, component: &Component, interface: &str) -> bool {
    let kind = component.component_type();
    kind.exports(&engine.inner.wasm)
        .any(|(name, _)| name.starts_with(interface))
}

fn no_handler(engine: &Engine, component: &Component) -> LoadError {
    let names = exports(engine, component);
    let exports = if names.is_empty() {
        "nothing".to_owned()
    } else {
        bounded(&names.join(", "), REASON_BYTES)
    };
    LoadError::NoHandler { exports }
}

/// Names what behaves alike.
fn identity(digest: &[u8; 32], env: &HandlerEnv) -> RevisionId {
    let mut hash = Sha256::new();
    hash.update(b"pelton revision 2\n");
    hash.update(digest);
    hash.update(env.digest());
    RevisionId(hash.finalize().into())
}
