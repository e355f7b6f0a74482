//! Tests of telemetry with a real receiver of OTLP, and of notifications with real commands and servers.
#![expect(clippy::print_stdout, reason = "a skipped test is reported, and durations are printed")]

mod collector;
mod metrics;
mod notifying;
mod spans;
mod troubles;
