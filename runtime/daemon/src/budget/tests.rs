//! How the memory is shared out.

use super::*;

const MIB: u64 = 1 << 20;

/// A budget, and handlers that began with the daemon.
fn budget(mib: u64, handlers: usize) -> (Arc<Budget>, Vec<HandlerClaim>) {
    let budget = Budget::new(NonZeroU64::new(mib * MIB).unwrap());
    let hired = (0..handlers).map(|n| budget.hire(handlers - n, handlers));
    let hired = hired.collect();
    (budget, hired)
}

/// What all of them may hold, and what one of so many partitions may.
fn all(budget: &Budget, hired: &[HandlerClaim], partitions: usize) -> (u64, u64) {
    let of = |claim: &HandlerClaim| {
        let HandlerShare {
            fetched,
            handed_on,
            calls,
            producer,
        } = claim.share();
        fetched + handed_on + calls + producer
    };
    let each = u64::from(*budget.of_partition().borrow());
    let handlers: u64 = hired.iter().map(of).sum();
    (handlers + each * partitions as u64, each)
}

#[test]
fn the_shares_are_the_memory_and_no_more() {
    assert_eq!(OF_HANDLERS + HELD, 100);
    for (mib, handlers, partitions) in [(16, 1, 1), (256, 8, 96), (512, 3, 7), (100_000, 1, 1)] {
        let (budget, hired) = budget(mib, handlers);
        assert!(hired.iter().all(|claim| claim.share() == hired[0].share()));
        let claims: Vec<Claim> = (0..partitions).map(|_| budget.claim()).collect();
        let (all, each) = all(&budget, &hired, claims.len());
        assert!(all <= mib * MIB, "{all} of {mib} MiB");
        // A partition's limit is a number of 32 bits.
        assert!(all >= mib * MIB / 100 * 99 || each == u64::from(u32::MAX));
    }
}

#[test]
fn handlers_that_come_and_go_never_have_more_than_the_memory_together() {
    let (budget, mut hired) = budget(100, 3);
    let claims: Vec<Claim> = (0..5).map(|_| budget.claim()).collect();
    // So many leave, then so many come.
    for (leave, come) in [
        (0, 1),
        (0, 4),
        (1, 1),
        (6, 0),
        (0, 1),
        (0, 7),
        (9, 2),
        (2, 1),
    ] {
        drop(hired.drain(..leave));
        let in_all = hired.len() + come;
        hired.extend((0..come).map(|n| budget.hire(come - n, in_all)));
        let (all, each) = all(&budget, &hired, claims.len());
        assert!(all <= 100 * MIB, "{all} after {leave} left and {come} came");
        // Half of what is for held messages is never given away.
        assert!(each >= 3 * MIB, "{each} after {leave} left and {come} came");
        let least = hired.iter().map(|claim| claim.bytes).min();
        assert!(least > Some(0), "somebody has nothing");
    }
}

#[test]
fn who_takes_another_s_place_has_its_share_and_who_comes_besides_what_is_left() {
    let (budget, mut hired) = budget(100, 2);
    let equal = hired[0].bytes;
    hired.pop();
    hired.push(budget.hire(1, 2));
    assert_eq!(hired[1].bytes, equal);
    hired.push(budget.hire(1, 3));
    // A quarter of what is for held messages; an equal share would be two thirds of the others'.
    assert_eq!(hired[2].bytes, part(100 * MIB, HELD) / 4);
    assert_eq!(hired[0].bytes, equal, "it keeps what it was given");
    drop(hired.drain(..2));
    hired.push(budget.hire(1, 2));
    assert_eq!(
        hired[1].bytes, equal,
        "and leaves it to others when it goes"
    );
}

#[test]
fn a_partition_s_share_follows_their_number() {
    let (budget, _hired) = budget(100, 2);
    let mut each = budget.of_partition();
    let whole = *each.borrow_and_update();
    let first = budget.claim();
    assert_eq!(*each.borrow_and_update(), whole, "one has it all");
    let others: Vec<Claim> = (0..3).map(|_| budget.claim()).collect();
    assert!(each.has_changed().unwrap());
    assert_eq!(*each.borrow_and_update(), whole / 4);
    drop(others);
    assert_eq!(*each.borrow_and_update(), whole);
    drop(first);
    assert_eq!(*each.borrow_and_update(), whole);
}

#[test]
fn a_partition_stops_before_the_message_that_would_go_over_its_share() {
    let mut share = PartitionShare::new(1_000);
    assert_eq!(share.limit(), Some(1_000));
    share.met(100);
    assert_eq!(share.limit(), Some(900));
    share.met(50);
    assert_eq!(share.limit(), None, "nothing new");
    share.met(990);
    assert_eq!(share.limit(), Some(250));
    share.change(4_000);
    assert_eq!(share.limit(), Some(3_010));
    share.change(0);
    assert_eq!(share.limit(), Some(1), "one message whatever the share");
}

#[tokio::test]
async fn a_call_too_large_for_its_memory_is_made_alone() {
    let memory = CallMemory::new(300 * PERMIT_BYTES);
    let small = memory.take(10 * PERMIT_BYTES).await.unwrap();
    assert_eq!(small.num_permits(), 30);
    drop(small);
    let huge = memory.take(u64::MAX).await.unwrap();
    assert_eq!(huge.num_permits(), 300);
    let mut next = Box::pin(memory.take(1));
    assert!(futures::poll!(&mut next).is_pending());
    drop(huge);
    assert!(next.await.is_some());
    assert!(CallMemory::new(0).take(1).await.is_some());
}
