//! What all connections of a proxy share: what is to be done, what was done, and which requests are held.
//!
//! Invariant: whatever ends the connection of a held request brings it to its last stage, so that nobody waits for
//! a straggler that can't come any more; and no wait outlasts the proxy.

use std::{
    collections::BTreeMap,
    net::{Shutdown, TcpStream},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    frame::{Api, Request},
    held::{self, Held, HeldId, Moment, Stage},
    record::{Injection, Late},
    rule::{Fault, Kind, Release, Rule},
    storm::{Raging, Storm},
};

/// How long the trigger of a release waits for the broker's answer to what it released.
const STRIKE_LIMIT: Duration = Duration::from_secs(10);

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Decision {
    Forward,
    Fault(Fault),
    /// As [`Fault::Hold`]; the release is the ledger's business.
    Hold(HeldId),
}

#[derive(Debug, Default)]
struct State {
    stopping: bool,
    rules: Vec<Rule>,
    storm: Option<Raging>,
    seen: BTreeMap<Api, usize>,
    answered: BTreeMap<Api, usize>,
    injections: Vec<Injection>,
    held: Vec<Held>,
    late: Vec<Late>,
    /// Both sides of each connection, to be shut down at the end.
    sockets: BTreeMap<usize, [TcpStream; 2]>,
    connections: usize,
}

/// See the file's top.
#[derive(Debug)]
pub(super) struct Ledger {
    begun: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Counts a request, and says what to do with it and which held requests have to be over before that.
    pub(super) fn decide(&self, request: &Request) -> (Decision, Vec<HeldId>) {
        let mut state = self.state();
        *state.seen.entry(request.api).or_default() += 1;
        let struck = held::strike(&mut state.held, Moment::Seen, request);
        self.changed.notify_all();
        let fault = state.choose(request);
        let Some(fault) = fault else {
            return (Decision::Forward, struck);
        };
        let injection = Injection {
            at: self.begun.elapsed(),
            api: request.api,
            version: request.version,
            correlation: request.correlation,
            client: request.client.clone(),
            fault,
        };
        state.injections.push(injection.clone());
        let Fault::Hold(release) = fault else {
            return (Decision::Fault(fault), struck);
        };
        state.held.push(Held {
            injection,
            release,
            stage: Stage::Waiting,
        });
        (Decision::Hold(state.held.len() - 1), struck)
    }

    /// Counts an answer, and says which held requests have to be over before it goes on to the client.
    pub(super) fn answered(&self, request: &Request) -> Vec<HeldId> {
        let mut state = self.state();
        *state.answered.entry(request.api).or_default() += 1;
        self.changed.notify_all();
        held::strike(&mut state.held, Moment::Answered, request)
    }

    /// Blocks until the held request may go on. `false` when it never will.
    pub(super) fn until_due(&self, id: HeldId) -> bool {
        let time = match self.state().held[id].release {
            Release::After(time) => Some(time),
            _ => None,
        };
        let waiting = |state: &State| state.held[id].stage == Stage::Waiting;
        let mut state = self.wait_while(time, waiting);
        let due = !state.stopping && state.held[id].stage != Stage::Over;
        if due {
            state.held[id].stage = Stage::Sent(self.begun.elapsed());
        }
        due
    }

    /// Blocks until none of these can come any more, or for [`STRIKE_LIMIT`].
    pub(super) fn until_over(&self, ids: &[HeldId]) {
        if !ids.is_empty() {
            let open = |id: &HeldId, state: &State| state.held[*id].stage != Stage::Over;
            let _state = self.wait_while(Some(STRIKE_LIMIT), |state| {
                ids.iter().any(|id| open(id, state))
            });
        }
    }

    /// Blocks for this time.
    pub(super) fn pause(&self, time: Duration) {
        drop(self.wait_while(Some(time), |_| true));
    }

    /// A held request was answered, or its connection has ended.
    pub(super) fn over(&self, id: HeldId, answered: bool, error: Option<i16>) {
        let mut state = self.state();
        let held = &mut state.held[id];
        let (stage, injection) = (held.stage, held.injection.clone());
        held.stage = Stage::Over;
        if let Stage::Sent(sent) = stage {
            state.late.push(Late {
                injection,
                sent,
                answered,
                error,
            });
        }
        self.changed.notify_all();
    }

    /// Keeps both sides of a connection for [`Ledger::stop`]. `None` when that has been.
    pub(super) fn register(&self, sides: [TcpStream; 2]) -> Option<usize> {
        let mut state = self.state();
        let id = state.connections;
        state.connections += 1;
        let open = !state.stopping;
        open.then(|| state.sockets.insert(id, sides));
        open.then_some(id)
    }

    pub(super) fn unregister(&self, connection: usize) {
        self.state().sockets.remove(&connection);
    }

    /// Ends every connection and every wait.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        for side in state.sockets.values().flatten() {
            let _ = side.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    /// Waits as long as this holds, at most for the time; ends at once with the proxy.
    fn wait_while(
        &self,
        time: Option<Duration>,
        mut condition: impl FnMut(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        // A year is for ever.
        let time = time.unwrap_or(Duration::from_secs(365 * 24 * 3600));
        let waiting = |state: &mut State| !state.stopping && condition(state);
        let waited = self
            .changed
            .wait_timeout_while(self.state(), time, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        waited.0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the proxy's owner asks for.
impl Ledger {
    pub(super) fn inject(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    pub(super) fn storm(&self, storm: Storm) {
        self.state().storm = Some(Raging::new(storm));
    }

    pub(super) fn calm(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.storm = None;
    }

    /// Makes all that are held due, and says how many there are.
    pub(super) fn release_held(&self) -> usize {
        let mut state = self.state();
        let waiting = state.held.iter_mut();
        let waiting = waiting.filter(|held| held.stage == Stage::Waiting);
        let count = waiting.map(|held| held.stage = Stage::Due).count();
        self.changed.notify_all();
        count
    }

    pub(super) fn holding(&self) -> usize {
        let state = self.state();
        let waiting = |held: &&Held| held.stage == Stage::Waiting;
        state.held.iter().filter(waiting).count()
    }

    pub(super) fn seen(&self, api: Api) -> usize {
        self.state().seen.get(&api).copied().unwrap_or_default()
    }

    pub(super) fn answers(&self, api: Api) -> usize {
        self.state().answered.get(&api).copied().unwrap_or_default()
    }

    pub(super) fn log(&self) -> Vec<Injection> {
        self.state().injections.clone()
    }

    pub(super) fn injected(&self, api: Api, kind: Kind) -> usize {
        let state = self.state();
        let such = |one: &&Injection| one.api == api && one.fault.kind() == kind;
        state.injections.iter().filter(such).count()
    }

    pub(super) fn late(&self) -> Vec<Late> {
        self.state().late.clone()
    }

    pub(super) fn report(&self) -> String {
        let state = self.state();
        let mut text = format!("seen: {:?}\nanswered: {:?}\n", state.seen, state.answered);
        for injection in &state.injections {
            text += &format!("{injection}\n");
        }
        for late in &state.late {
            text += &format!("{late}\n");
        }
        text
    }
}

impl State {
    /// The first rule that wants the request, else chance.
    fn choose(&mut self, request: &Request) -> Option<Fault> {
        let ruled = self.rules.iter_mut().find_map(|rule| rule.take(request));
        ruled.or_else(|| self.storm.as_mut()?.take(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(api: Api, client: &str) -> Request {
        Request {
            api,
            version: 1,
            correlation: 5,
            client: client.to_owned(),
        }
    }

    /// A ledger that holds one request of `orders`.
    fn holding(release: Release) -> Ledger {
        let ledger = Ledger::new();
        ledger.inject(Rule::new(Api::EndTxn, Fault::Hold(release)));
        let (decision, struck) = ledger.decide(&request(Api::EndTxn, "orders"));
        assert!(matches!(decision, Decision::Hold(0)) && struck.is_empty());
        ledger
    }

    #[test]
    fn a_held_request_is_struck_by_the_answer_it_waits_for_and_no_other() {
        let (api, count) = (Api::Produce, 2);
        let ledger = holding(Release::AfterAnswered { api, count });
        let quiet = |ledger: &Ledger, request: &Request| ledger.answered(request).is_empty();
        ledger.decide(&request(api, "orders"));
        assert!(quiet(&ledger, &request(Api::EndTxn, "orders")), "a kind");
        assert!(quiet(&ledger, &request(api, "users")), "another client's");
        assert!(quiet(&ledger, &request(api, "orders")), "only the first");
        assert_eq!(ledger.holding(), 1);
        assert_eq!(ledger.answered(&request(api, "orders")), [0]);
        assert!(quiet(&ledger, &request(api, "orders")), "struck twice");
        assert!(ledger.until_due(0));
        ledger.over(0, true, Some(0));
        ledger.over(0, false, None);
        assert_eq!(ledger.late().len(), 1, "over but once");
    }

    #[test]
    fn rules_go_before_a_storm_and_calm_ends_both() {
        let (ledger, asked) = (Ledger::new(), request(Api::EndTxn, "orders"));
        let mut storm = Storm::new(1);
        storm.per_mille = BTreeMap::from([(Api::EndTxn, 1_000)]);
        storm.kinds = vec![Kind::CutAfter];
        ledger.storm(storm);
        ledger.inject(Rule::new(Api::EndTxn, Fault::Drop));
        ledger.inject(Rule::new(Api::EndTxn, Fault::Swallow).skipping(1));
        for fault in [Fault::Drop, Fault::CutAfter, Fault::Swallow] {
            let (decision, _) = ledger.decide(&asked);
            assert!(matches!(decision, Decision::Fault(found) if found == fault));
        }
        ledger.inject(Rule::new(Api::EndTxn, Fault::Drop));
        ledger.calm();
        assert!(matches!(ledger.decide(&asked).0, Decision::Forward));
        assert_eq!((ledger.seen(Api::EndTxn), ledger.log().len()), (4, 3));
    }

    #[test]
    fn a_held_request_is_struck_by_the_request_it_waits_for() {
        let (api, count) = (Api::AddPartitionsToTxn, 1);
        let ledger = holding(Release::WhenSeen { api, count });
        assert!(ledger.answered(&request(api, "orders")).is_empty());
        let (decision, struck) = ledger.decide(&request(api, "orders"));
        assert!(matches!(decision, Decision::Forward));
        assert_eq!(struck, [0]);
    }

    #[test]
    fn a_held_request_goes_on_in_time_on_demand_or_not_at_all() {
        assert!(holding(Release::After(Duration::ZERO)).until_due(0));
        let ledger = holding(Release::OnDemand);
        assert_eq!((ledger.release_held(), ledger.release_held()), (1, 0));
        assert!(ledger.until_due(0));
        let ledger = holding(Release::OnDemand);
        ledger.over(0, false, None);
        assert!(!ledger.until_due(0), "its connection has ended");
        assert!(ledger.late().is_empty(), "it was never sent");
        let ledger = holding(Release::OnDemand);
        ledger.stop();
        assert!(!ledger.until_due(0), "the proxy ends");
    }
}
