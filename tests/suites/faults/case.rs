//! What a case of the table is made of.

use pelton_harness::faulty::{Api, Code};

/// The broker that leads the input topic. The test's own client writes there.
pub const INPUT: i32 = 1;
/// The broker that leads the output and the dead-letter topic. The test's own client reads there.
pub const OUTPUT: i32 = 2;
/// The broker that coordinates the group, when a lane begins.
pub const GROUP: i32 = 3;
/// All brokers.
pub const ALL: i32 = -1;

/// Something that goes wrong while messages flow, and what must come of it.
pub struct Case {
    /// What goes wrong, in words. No two cases of the table have the same.
    pub name: &'static str,
    /// What is done to the brokers, in this order.
    pub faults: &'static [Fault],
    /// How it must end. In every case all messages come out, all is committed, and the daemon is ready.
    pub ends: Ends,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The next requests of this kind at this broker are answered so, one after the other.
    Answers(i32, Api, &'static [Code]),
    /// The same at whichever broker is asked.
    AnswersAnywhere(Api, &'static [Code]),
    /// The next requests of this kind at this broker are answered rightly, but so many milliseconds late.
    Late(i32, Api, &'static [u64]),
    /// Every answer of the broker takes so many milliseconds, until all is through.
    RoundTrip(i32, u64),
    /// The broker is gone for so many milliseconds.
    Down(i32, u64),
    /// Another broker coordinates the group from now on.
    Coordinator(i32),
    /// Another broker leads this topic from now on.
    Leader(Topic, i32),
    /// Metadata says this of the topic from now on; [`Code::NoError`] is the truth again.
    Denied(Topic, Code),
    /// The daemon is stopped before the faults and started again after they are laid out.
    Restarts,
    /// Nothing for so many milliseconds.
    Pause(u64),
    /// Messages flow only from here on, not from the beginning.
    Flow,
}

/// A topic of the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Input,
    Output,
}

/// How a case must end, beside that nothing is lost, nothing stalls and nobody exits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// With every message in the output topic. The handler did not begin anew, unless its partitions were lost.
    Well,
    /// The same, after the handler has begun anew: the client could not go on.
    Anew,
    /// The same, and the log has said this.
    Saying(&'static str),
    /// With every message in the output topic or, for those that were refused for good, the dead-letter topic.
    InDeadLetters,
}

/// A case that ends well.
pub const fn well(name: &'static str, faults: &'static [Fault]) -> Case {
    Case {
        name,
        faults,
        ends: Ends::Well,
    }
}

/// A case after which the handler has begun anew.
pub const fn anew(name: &'static str, faults: &'static [Fault]) -> Case {
    Case {
        name,
        faults,
        ends: Ends::Anew,
    }
}

/// A case that ends well, of which the log has said something.
pub const fn saying(name: &'static str, faults: &'static [Fault], text: &'static str) -> Case {
    Case {
        name,
        faults,
        ends: Ends::Saying(text),
    }
}

/// A case in which messages are refused for good.
pub const fn in_dead_letters(name: &'static str, faults: &'static [Fault]) -> Case {
    Case {
        name,
        faults,
        ends: Ends::InDeadLetters,
    }
}
