//! HashPass, the server: a library, so that tests, benchmarks and fuzz targets
//! reach every part of it, and a thin binary around it.
//!
//! Everything lives in [`host`]; the page and the words it exchanges with the
//! server live in the crate `app`, the rules of the race in the crate `puzzle`.

pub mod host;
