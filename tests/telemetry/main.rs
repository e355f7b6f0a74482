//! Tests of telemetry with a real receiver of OTLP, and of notifications with real commands and servers.

mod collector;
mod metrics;
mod notifying;
mod spans;
mod troubles;
