//! Another revision is used while a call is under way.

use pelton_dispatch::{CallId, Command, Event};

use crate::support::*;

#[test]
fn a_swap_takes_effect_at_the_next_message_and_costs_nobody_an_attempt() {
    let (mut bench, _) = Bench::with(policy(), 0..4);
    assert_eq!(
        bench.event(Event::Swapped),
        [Command::Curtail { call: CallId(0) }]
    );
    // Once is enough.
    assert_eq!(bench.event(Event::Swapped), []);
    let said = bench.called(0, [done(1), NOT_ATTEMPTED, NOT_ATTEMPTED, NOT_ATTEMPTED]);
    let again = said.iter().find_map(|command| match command {
        Command::Call { messages, .. } => Some(messages),
        _ => None,
    });
    let attempts = again.unwrap().iter().map(|a| (a.offset, a.attempt));
    assert_eq!(attempts.collect::<Vec<_>>(), [(1, 1), (2, 1), (3, 1)]);
    assert!(said.contains(&Command::Produce { offset: 0 }), "{said:?}");
}

#[test]
fn a_swap_with_no_call_under_way_is_nothing_to_do() {
    assert_eq!(Bench::new(policy()).event(Event::Swapped), []);
}
