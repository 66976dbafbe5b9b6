//! What a person does who operates a daemon: looks how it stands, asks whether it is well, and changes things.

use std::time::Duration;

#[path = "operating/admin.rs"]
mod admin;
#[path = "operating/dead_letters.rs"]
mod dead_letters;
#[path = "operating/described.rs"]
mod described;
#[path = "operating/offsets.rs"]
mod offsets;
#[path = "operating/pausing.rs"]
mod pausing;
#[path = "operating/redriving.rs"]
mod redriving;
#[path = "operating/standing.rs"]
mod standing;

const LIMIT: Duration = Duration::from_secs(90);
