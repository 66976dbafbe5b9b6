//! A hundred and more things that brokers do to a client, each while messages flow: nothing is lost, nothing
//! stalls, and the daemon never exits.
//!
//! The brokers are librdkafka's mock cluster, which can be told to fail; the daemon and the check of what came
//! out are those of every other suite. `PELTON_FAULTS=TEXT` runs only the cases whose names contain the text.

#[path = "faults/case.rs"]
mod case;
#[path = "faults/flow.rs"]
mod flow;
#[path = "faults/group.rs"]
mod group;
#[path = "faults/lane.rs"]
mod lane;
#[path = "faults/network.rs"]
mod network;
#[path = "faults/table.rs"]
mod table;

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use pelton_harness::{
    Signal,
    faulty::{Api, Code},
};

use crate::{
    case::{Case, Fault, GROUP, well},
    lane::{Lane, Prepared, batch},
};

/// What became of a case.
struct Row {
    name: &'static str,
    took: Duration,
    result: Result<()>,
}

/// Works off a lane. After a case that failed the next one begins with new brokers and a new daemon.
fn work_off(table: &table::Lane) -> Vec<Row> {
    let wanted = std::env::var("PELTON_FAULTS").unwrap_or_default();
    let mut rows = Vec::new();
    let mut lane = None;
    for case in table
        .cases
        .iter()
        .filter(|case| case.name.contains(&wanted))
    {
        let start = Instant::now();
        let result = match lane.take() {
            Some(lane) => Ok(lane),
            None => Lane::start(table.name, table.protocol, table.cases),
        }
        .and_then(|mut fresh| {
            fresh.run(case)?;
            lane = Some(fresh);
            Ok(())
        });
        rows.push(Row {
            name: case.name,
            took: start.elapsed(),
            result,
        });
    }
    rows
}

#[test]
fn no_fault_of_the_table_loses_a_message_or_stalls_or_ends_the_daemon() -> Result<()> {
    let rows: Vec<Row> = thread::scope(|scope| {
        let lanes: Vec<_> = table::LANES
            .iter()
            .map(|lane| scope.spawn(|| work_off(lane)))
            .collect();
        lanes
            .into_iter()
            .map(|lane| {
                lane.join()
                    .map_err(|_| anyhow!("a recording does not replay, see above"))
            })
            .collect::<Result<Vec<_>>>()
    })?
    .into_iter()
    .flatten()
    .collect();
    for Row { name, took, result } in &rows {
        let seconds = took.as_secs_f64();
        match result {
            Ok(()) => println!("{seconds:5.1} s  well    {name}"),
            Err(error) => println!("{seconds:5.1} s  FAILED  {name}: {error:#}"),
        }
    }
    let failed = rows.iter().filter(|row| row.result.is_err()).count();
    ensure!(failed == 0, "{failed} of {} cases failed", rows.len());
    Ok(())
}

#[test]
fn the_table_has_lost_no_case_and_has_none_twice() {
    let cases: Vec<&Case> = table::LANES.iter().flat_map(|lane| lane.cases).collect();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    assert!(cases.len() >= 139, "only {} cases", cases.len());
    let asked: BTreeSet<i16> = cases
        .iter()
        .flat_map(|case| case.faults)
        .filter_map(|fault| match fault {
            Fault::Answers(_, api, _) | Fault::AnswersAnywhere(api, _) => Some((*api).into()),
            _ => None,
        })
        .collect();
    for api in [
        Api::Produce,
        Api::OffsetCommit,
        Api::Heartbeat,
        Api::JoinGroup,
        Api::SyncGroup,
        Api::Fetch,
        Api::FindCoordinator,
    ] {
        assert!(asked.contains(&api.into()), "no case answers {api:?}");
    }
}

/// What the check says of a run that is broken.
fn objection(lane: &mut Lane, limit: Duration) -> Result<String> {
    match lane.settle(limit) {
        Ok(()) => Err(anyhow!("the check finds nothing")),
        Err(error) => Ok(format!("{error:#}")),
    }
}

#[test]
fn offsets_that_are_committed_too_early_are_reported_as_a_loss() -> Result<()> {
    let prepared = Prepared::new("early", "cooperative", &[])?;
    let drafts = batch("early");
    prepared.client.produce(&prepared.stage.input, &drafts)?;
    let ends = prepared.client.ends(&prepared.stage.input)?;
    // What a broken runtime would do: commit what nobody has worked on.
    prepared
        .client
        .commit(&prepared.stage.group, &prepared.stage.input, &ends)?;
    let mut lane = prepared.start()?;
    // What comes after comes out, so nothing else is wrong with this run.
    let later = batch("later");
    lane.client.produce(&lane.stage.input, &later)?;
    lane.written = later;
    lane.settle(Duration::from_secs(20))?;
    lane.written.extend(drafts);
    let said = objection(&mut lane, Duration::from_secs(5))?;
    ensure!(said.starts_with("loss: 300 messages"), "{said}");
    Ok(())
}

#[test]
fn a_daemon_that_stands_still_or_ends_and_a_fault_that_nobody_met_are_reported() -> Result<()> {
    let mut lane = Lane::start("still", "cooperative", &[])?;
    let fault: &[Fault] = &[Fault::Answers(
        GROUP,
        Api::LeaveGroup,
        &[Code::NotCoordinator],
    )];
    let case = well("nobody leaves the group", fault);
    lane.happen(case.faults)?;
    let met = lane.wait_until_met(&case, Duration::from_secs(2));
    ensure!(met.is_err(), "a fault that nobody met passes");
    lane.run(&well("nothing goes wrong", &[]))?;
    lane.daemon.signal(Signal::Stop)?;
    let drafts = batch("frozen");
    lane.client.produce(&lane.stage.input, &drafts)?;
    lane.written.extend(drafts);
    let said = objection(&mut lane, Duration::from_secs(2))?;
    ensure!(said.starts_with("stall: 300 messages"), "{said}");
    lane.daemon.kill();
    let said = objection(&mut lane, Duration::from_secs(2))?;
    ensure!(said.starts_with("exit:"), "{said}");
    Ok(())
}
