//! The suites, cheap and telling ones first.

use super::{BUILD, Suite, Work, documentation, packaged};
use crate::{arrows, chaos, guests, instructions, rules, shell::Tally, simulation, systemd};

/// What runs alone, one after the other: it needs all cores for itself, or others need what it makes.
pub const ALONE: &[Suite] = &[
    Suite {
        name: "fmt",
        budget: 1,
        about: "rustfmt has nothing to say",
        work: Work::Commands(&[
            "cargo fmt --all --check",
            "cargo fmt --manifest-path plugins/Cargo.toml --all --check",
        ]),
    },
    Suite {
        name: "arrows",
        budget: 1,
        about: "every crate knows only what the design lets it know",
        work: Work::Own(|_| (Tally::default(), arrows::check())),
    },
    Suite {
        name: "rules",
        budget: 1,
        about: "every delivery rule has its tests, and every test that tests/RULES.md names is there",
        work: Work::Own(|_| (Tally::default(), rules::check())),
    },
    Suite {
        name: "clippy",
        budget: 10,
        about: "clippy has nothing to say, and every public item is documented",
        work: Work::Commands(&["cargo clippy --workspace --all-targets --locked -- -D warnings"]),
    },
    Suite {
        name: "guests",
        budget: 3,
        about: "the SDK, the examples and the hostile guests build and pass their own tests",
        work: Work::Own(guests::check),
    },
    Suite {
        name: "build",
        budget: 12,
        about: "the daemon, the simulator and every test program build",
        work: Work::Commands(&[BUILD]),
    },
    Suite {
        name: "unit",
        budget: 3,
        about: "the rooms keep their own rules",
        work: Work::Commands(&[
            "cargo test --workspace --locked --exclude pelton-harness",
            "cargo test --workspace --locked --lib --package pelton-harness",
        ]),
    },
    Suite {
        name: "simulation",
        budget: 1,
        about: "ten thousand simulated consumer groups lose, skip and reorder nothing",
        work: Work::Own(simulation::ten_thousand),
    },
    Suite {
        name: "instructions",
        budget: 1,
        about: "a message takes no more instructions in dispatch and codec than the baseline says",
        work: Work::Own(|_| (Tally::default(), instructions::check())),
    },
];

/// What runs two at a time, begun in this order: long ones early, so that both lanes end together.
pub const IN_LANES: &[Suite] = &[
    Suite {
        name: "harness",
        budget: 2,
        about: "the broker of the tests and their foreign clients do what the other suites take for granted",
        work: Work::Broker(&["harness"], "4"),
    },
    Suite {
        name: "delivery",
        budget: 2,
        about: "kill -9, SIGTERM and a broker's outage amid 20,000 messages lose nothing and repeat little",
        work: Work::Broker(&["delivery"], "4"),
    },
    Suite {
        name: "chaos",
        budget: 6,
        about: "a minute of kills, freezes and swaps keeps the contract, and a consumer that doesn't is found out",
        work: Work::Own(chaos::short),
    },
    Suite {
        name: "swap",
        budget: 4,
        about: "two hundred swaps under load lose, repeat and reorder nothing, without a rebalance",
        work: Work::Broker(&["swap"], "4"),
    },
    Suite {
        name: "bounds",
        budget: 3,
        about: "a backlog stays within the memory bound, and partitions that stand still are reported once",
        work: Work::Broker(&["memory", "stall"], "4"),
    },
    Suite {
        name: "misbehaving",
        budget: 3,
        about: "traps, loops, memory hogs, garbage and what keeps a compiler busy hurt nobody",
        work: Work::Broker(&["misbehaving", "dead_letter", "compiling"], "4"),
    },
    Suite {
        name: "operating",
        budget: 4,
        about: "how a daemon stands is told, and what an operator does about it loses nothing",
        work: Work::Broker(&["operating"], "4"),
    },
    Suite {
        name: "game-day",
        budget: 3,
        about: "each trouble of the operator's guide is told where the guide says, and ended by what it says",
        work: Work::Broker(&["game_day"], "4"),
    },
    Suite {
        name: "secured",
        budget: 2,
        about: "TLS, passwords and ACLs: what a broker refuses is told once, and goes on by itself once it is allowed",
        work: Work::Broker(&["secured"], "4"),
    },
    Suite {
        name: "faults",
        budget: 3,
        about: "a hundred and more things that brokers do to a client: nothing lost, no stall, no exit",
        work: Work::Broker(&["faults"], "4"),
    },
    Suite {
        name: "reload",
        budget: 3,
        about: "handlers come, go and change while a neighbour works, and a bad configuration changes nothing",
        work: Work::Broker(&["reload"], "4"),
    },
    Suite {
        name: "program",
        budget: 2,
        about: "what the configuration and the commands promise, and how a daemon stops, freezes and comes back",
        work: Work::Broker(&["program", "stopping"], "4"),
    },
    Suite {
        name: "dashboard",
        budget: 3,
        about: "the dashboard in a real browser: live, by mouse and by keyboard, on a phone, and nothing hostile runs",
        work: Work::Broker(&["dashboard"], "4"),
    },
    Suite {
        name: "exactly-once",
        budget: 3,
        about: "kills, stops, refused outputs and withheld requests of transactions show every output once",
        work: Work::Broker(&["exactly_once"], "4"),
    },
    Suite {
        name: "subscribing",
        budget: 3,
        about: "patterns, protocols, static members, slow ones, where to begin, a broker that is late",
        work: Work::Broker(&["subscribing", "membership"], "4"),
    },
    Suite {
        name: "kafka-3.9",
        budget: 2,
        about: "delivery and foreign clients again, on Kafka 3.9",
        work: Work::Broker(&["delivery", "foreign"], "3.9"),
    },
    Suite {
        name: "systemd",
        budget: 2,
        about: "systemd has nothing to object to in the unit as shipped, and a component runs under its hardest rule",
        work: Work::Own(|_| (Tally::default(), systemd::check())),
    },
    Suite {
        name: "container",
        budget: 2,
        about: "the image's file system works read-only as it is described, and the manifests are known to their types",
        work: Work::Mounting(&["container"], "4"),
    },
    Suite {
        name: "ordering",
        budget: 1,
        about: "handlers that wait or ask a service overlap, keys stay in order, a crash repeats only the unfinished",
        work: Work::Broker(&["ordering", "asking"], "4"),
    },
    Suite {
        name: "package",
        budget: 2,
        about: "the Debian package has what it should, that works, and its upgrade under load loses and repeats nothing",
        work: Work::Own(packaged),
    },
    Suite {
        name: "doc",
        budget: 1,
        about: "the documentation builds without a warning",
        work: Work::Own(documentation),
    },
    Suite {
        name: "author",
        budget: 2,
        about: "a new project is built, tested and checked, mistakes are told, and fixtures find what a handler remembers",
        work: Work::Broker(&["author"], "4"),
    },
    Suite {
        name: "scaling",
        budget: 1,
        about: "one, two, four and five daemons share four partitions",
        work: Work::Broker(&["scaling"], "4"),
    },
    Suite {
        name: "wasip2",
        budget: 1,
        about: "a program of the standard library finds nothing of the machine, and its output is logged",
        work: Work::Wasip2(&["wasip2"], "4"),
    },
    Suite {
        name: "foreign",
        budget: 1,
        about: "what KafkaJS and kcat write passes through, and they read what comes out",
        work: Work::Broker(&["foreign"], "4"),
    },
    Suite {
        name: "watching",
        budget: 1,
        about: "a real Prometheus takes every alert and panel that is shipped, finds all they name, and fires",
        work: Work::Broker(&["watching"], "4"),
    },
    Suite {
        name: "demo",
        budget: 1,
        about: "the demonstration makes of 2,000 messages exactly what it must",
        work: Work::Commands(&["cargo xtask demo --messages 2000"]),
    },
];
