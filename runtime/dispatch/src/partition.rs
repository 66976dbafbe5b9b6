//! The machine of one assigned partition.
