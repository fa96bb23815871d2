//! Layer: tests of the ring. An honest end whose peer writes anything anywhere, between its operations and
//! during them; the rule: it never panics, never goes round in circles, reads nothing but its own ring and
//! writes nothing but its own words, and what it gives is either of the right shape or `Corrupt`.

mod random;
mod scene;
mod single;
mod steps;
