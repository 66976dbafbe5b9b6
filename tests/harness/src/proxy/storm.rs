//! Faults by chance, from a seed.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    frame::{Api, Request},
    rule::{Fault, Kind, Release},
};

/// How often which faults come. The same seed gives the same choices for the same requests in the same order;
/// the order is the clients' and the machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    /// What all choices follow from.
    pub seed: u64,
    /// How many of a thousand requests of a kind get a fault. Kinds that aren't here get none.
    pub per_mille: BTreeMap<Api, u32>,
    /// Which faults, each as likely as the others. A [`Kind::Swallow`] costs its client a whole time-out, and a
    /// late [`Api::InitProducerId`] fences whoever came after it.
    pub kinds: Vec<Kind>,
    /// The longest delay, and the longest time after which a held request goes on. One that waits for another
    /// request instead waits as long as that takes.
    pub longest: Duration,
    /// Only for clients whose `client.id` contains this.
    pub client: String,
    /// The most faults altogether; after that it is calm.
    pub limit: usize,
}

impl Storm {
    /// Every fault for every kind of request that a transaction consists of: 20 of a thousand, at most 1,000.
    pub fn new(seed: u64) -> Self {
        let apis = [
            Api::Produce,
            Api::FindCoordinator,
            Api::InitProducerId,
            Api::AddPartitionsToTxn,
            Api::AddOffsetsToTxn,
            Api::EndTxn,
            Api::TxnOffsetCommit,
        ];
        Self {
            seed,
            per_mille: apis.into_iter().map(|api| (api, 20)).collect(),
            kinds: vec![
                Kind::Delay,
                Kind::Drop,
                Kind::Swallow,
                Kind::CutAfter,
                Kind::Hold,
            ],
            longest: Duration::from_secs(1),
            client: String::new(),
            limit: 1_000,
        }
    }
}

/// A storm that goes on.
#[derive(Debug)]
pub(super) struct Raging {
    storm: Storm,
    random: StdRng,
}

impl Raging {
    pub(super) fn new(storm: Storm) -> Self {
        let random = StdRng::seed_from_u64(storm.seed);
        Self { storm, random }
    }

    /// The fault for this request, if chance wants one.
    pub(super) fn take(&mut self, request: &Request) -> Option<Fault> {
        let per_mille = *self.storm.per_mille.get(&request.api)?;
        let meant = request.client.contains(&self.storm.client);
        if !meant || self.storm.limit == 0 || self.random.random_range(0..1_000) >= per_mille {
            return None;
        }
        let kind = *self.storm.kinds.choose(&mut self.random)?;
        self.storm.limit -= 1;
        Some(match kind {
            Kind::Delay => Fault::Delay(self.time()),
            Kind::Drop => Fault::Drop,
            Kind::Swallow => Fault::Swallow,
            Kind::CutAfter => Fault::CutAfter,
            Kind::Hold => Fault::Hold(self.release()),
        })
    }

    fn time(&mut self) -> Duration {
        self.storm.longest.mul_f64(self.random.random())
    }

    /// Half of them strike inside what the client does next, half when their time has come.
    fn release(&mut self) -> Release {
        if self.random.random() {
            return Release::After(self.time());
        }
        let apis = [Api::AddPartitionsToTxn, Api::Produce, Api::TxnOffsetCommit];
        let api = *apis.choose(&mut self.random).unwrap_or(&Api::Produce);
        let count = self.random.random_range(1..=2);
        Release::AfterAnswered { api, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(storm: Storm) -> Vec<Option<Fault>> {
        let mut raging = Raging::new(storm);
        let request = |correlation| Request {
            api: Api::EndTxn,
            version: 1,
            correlation,
            client: "pelton".to_owned(),
        };
        (0..1_000).map(|n| raging.take(&request(n))).collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_again_and_another_seed_others() {
        let [one, again, other] = [1, 1, 2].map(|seed| faults(Storm::new(seed)));
        assert_eq!(one, again);
        assert_ne!(one, other);
    }

    #[test]
    fn a_storm_keeps_to_its_kinds_its_rate_and_its_limit() {
        let mut storm = Storm::new(7);
        storm.kinds = vec![Kind::Drop, Kind::CutAfter];
        storm.per_mille = BTreeMap::from([(Api::EndTxn, 500)]);
        let hit: Vec<Fault> = faults(storm.clone()).into_iter().flatten().collect();
        assert!((400..600).contains(&hit.len()), "{}", hit.len());
        assert!(hit.contains(&Fault::Drop) && hit.contains(&Fault::CutAfter));
        assert!(hit.iter().all(|fault| storm.kinds.contains(&fault.kind())));
        storm.limit = 3;
        assert_eq!(faults(storm.clone()).into_iter().flatten().count(), 3);
        storm.client = "somebody else".to_owned();
        assert_eq!(faults(storm).into_iter().flatten().count(), 0);
    }
}
