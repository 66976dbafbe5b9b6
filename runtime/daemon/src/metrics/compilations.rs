//! What the engine counts itself, asked for when somebody looks.

use std::fmt;

use pelton_engine::Compilations;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

/// Tells what the engines have compiled.
pub(super) struct Told<F>(pub(super) F);

impl<F> fmt::Debug for Told<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl<F: Fn() -> Compilations + Send + Sync + 'static> Collector for Told<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = (self.0)();
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
