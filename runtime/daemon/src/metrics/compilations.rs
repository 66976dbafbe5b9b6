//! What the engine counts itself, asked for when somebody looks.

use std::fmt;

use pelton_engine::CompilationCounts;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

/// Tells what the engines have compiled.
#[derive(Debug)]
pub(super) struct Compilations(pub(super) CompilationCounts);

impl Collector for Compilations {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.0.now();
        for (name, help, count) in [
            ("compilations", "Components compiled", counts.compiled),
            (
                "compile_cache_hits",
                "Components whose code was kept from before",
                counts.hits,
            ),
            (
                "compile_cache_misses",
                "Components whose code was not kept",
                counts.misses,
            ),
            (
                "compile_cache_rejects",
                "Components whose code was kept and damaged",
                counts.rejects,
            ),
        ] {
            let counter = ConstCounter::new(count);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}
