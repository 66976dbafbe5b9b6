//! The engine with real components: guests written as text, made components as any core module is.

mod attribution;
mod faults;
mod instances;
mod loading;
mod logging;
mod support;
mod verdicts;
