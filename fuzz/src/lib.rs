//! What the fuzz targets have in common: for now, what those of the ring do.

pub mod ring;

#[path = "../../crates/dotpipe-ring/tests/hostile/scene.rs"]
mod scene;
#[path = "../../crates/dotpipe-ring/tests/hostile/steps.rs"]
mod steps;
