//! How the handlers stand when somebody scrapes: made anew for each scrape, so that nothing has to be forgotten.

use std::{collections::BTreeSet, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use super::{HandlerLabel, PartitionLabel};
use crate::{
    overview::{Standings, State},
    status::Aspect,
    troubles::{About, Troubles},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    handler: String,
    group: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AboutLabel {
    handler: String,
    group: String,
    about: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OwnLabel {
    about: &'static str,
}

#[derive(Default)]
struct Families {
    ready: Gauge,
    live: Gauge,
    own: Family<OwnLabel, Gauge>,
    state: Family<StateLabel, Gauge>,
    trouble: Family<AboutLabel, Gauge>,
    oldest: Family<PartitionLabel, Gauge<f64, AtomicU64>>,
    memory: Family<HandlerLabel, Gauge<u64, AtomicU64>>,
    memory_limit: Family<HandlerLabel, Gauge<u64, AtomicU64>>,
}

/// How the daemon itself stands.
pub(super) struct Process<'a> {
    pub ready: bool,
    pub live: bool,
    pub troubles: &'a Troubles,
}

/// The families that tell it.
pub(super) fn registry(process: &Process<'_>, handlers: Vec<Standings>) -> Registry {
    let mut registry = Registry::with_prefix("pelton");
    let families = Families::default();
    families.register(&mut registry);
    families.ready.set(process.ready.into());
    families.live.set(process.live.into());
    let own = process.troubles.all();
    for about in About::ALL {
        let label = OwnLabel {
            about: about.as_str(),
        };
        let is = i64::from(own.contains_key(&about));
        families.own.get_or_create(&label).set(is);
    }
    handlers.into_iter().for_each(|one| families.set(one));
    registry
}

impl Families {
    fn register(&self, r: &mut Registry) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "The version of the daemon, as a label", version);
        r.register("ready", "1 while `/readyz` answers 200", self.ready.clone());
        r.register(
            "live",
            "1 while `/livez` answers 200: every loop of the daemon moves",
            self.live.clone(),
        );
        r.register(
            "daemon_trouble",
            "1 for what is wrong with the daemon itself, 0 for what is not",
            self.own.clone(),
        );
        r.register(
            "handler_state",
            "1 for the state that the handler is in, 0 for the others",
            self.state.clone(),
        );
        r.register(
            "handler_trouble",
            "1 for what troubles the handler, 0 for what does not",
            self.trouble.clone(),
        );
        r.register_with_unit(
            "oldest_unfinished",
            "How long the partition has waited for the lowest message that is not finished; 0 where none is",
            Unit::Seconds,
            self.oldest.clone(),
        );
        r.register_with_unit(
            "guest_memory",
            "Linear memory of the component's instances, those that wait for a call included",
            Unit::Bytes,
            self.memory.clone(),
        );
        r.register_with_unit(
            "guest_memory_limit",
            "What one instance of the component may take",
            Unit::Bytes,
            self.memory_limit.clone(),
        );
    }

    /// Every state and every trouble is told, also those that are not: an alert can't tell a 0 from what is missing.
    fn set(&self, standings: Standings) {
        let Standings {
            handler,
            group,
            state,
            troubles,
            waiting,
            memory,
        } = standings;
        for each in State::ALL {
            let label = StateLabel {
                handler: handler.clone(),
                group: group.clone(),
                state: each.as_str(),
            };
            let is = i64::from(each == state);
            self.state.get_or_create(&label).set(is);
        }
        let troubles: BTreeSet<_> = troubles.into_iter().map(Aspect::as_str).collect();
        for about in Aspect::ALL.map(Aspect::as_str) {
            let label = AboutLabel {
                handler: handler.clone(),
                group: group.clone(),
                about,
            };
            let is = i64::from(troubles.contains(about));
            self.trouble.get_or_create(&label).set(is);
        }
        if let Some((bytes, limit)) = memory {
            let label = HandlerLabel {
                handler: handler.clone(),
            };
            self.memory.get_or_create(&label).set(bytes);
            self.memory_limit.get_or_create(&label).set(limit);
        }
        for (partition, waits) in waiting {
            let label = PartitionLabel {
                handler: handler.clone(),
                group: group.clone(),
                topic: partition.topic.to_string(),
                partition: partition.partition,
            };
            self.oldest.get_or_create(&label).set(waits.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pelton_types::TopicPartition;
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn what_is_and_what_is_not_are_both_told() {
        let standings = Standings {
            handler: "h".to_owned(),
            group: "g".to_owned(),
            state: State::Troubled,
            troubles: vec![Aspect::Output],
            waiting: vec![(TopicPartition::new("t", 3), Duration::from_millis(1500))],
            memory: Some((65_536, 131_072)),
        };
        let troubles = Troubles::default();
        troubles.set(About::Clock, "why".to_owned());
        let mut text = String::new();
        let process = Process {
            ready: false,
            live: true,
            troubles: &troubles,
        };
        encode(&mut text, &registry(&process, vec![standings])).unwrap();
        for line in [
            "pelton_ready 0",
            "pelton_live 1",
            r#"pelton_daemon_trouble{about="clock"} 1"#,
            r#"pelton_daemon_trouble{about="cache"} 0"#,
            r#"pelton_handler_state{handler="h",group="g",state="troubled"} 1"#,
            r#"pelton_handler_state{handler="h",group="g",state="running"} 0"#,
            r#"pelton_handler_trouble{handler="h",group="g",about="output"} 1"#,
            r#"pelton_handler_trouble{handler="h",group="g",about="unreachable"} 0"#,
            r#"pelton_oldest_unfinished_seconds{handler="h",group="g",topic="t",partition="3"} 1.5"#,
            r#"pelton_guest_memory_bytes{handler="h"} 65536"#,
            r#"pelton_guest_memory_limit_bytes{handler="h"} 131072"#,
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }
}
