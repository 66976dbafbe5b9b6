//! What the engine counts itself, asked for when somebody looks.

use std::fmt;

use pelton_engine::Engine;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

/// Tells what an engine has compiled.
#[derive(Debug)]
pub(super) struct Compilations(pub(super) Engine);

impl Collector for Compilations {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.0.compilations();
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
