//! The environment variables of OpenTelemetry that its crates leave to the program.

use std::env::var;
use std::time::Duration;

use setup_tasks::Secret;

use super::OtelError;

/// The default time for a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The signals that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signals {
    pub(super) traces: bool,
    pub(super) metrics: bool,
}

impl Signals {
    /// Returns the signals that the environment asks for.
    pub(super) fn wanted() -> Result<Self, OtelError> {
        Self::of(&|name| var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()))
    }

    fn of(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, OtelError> {
        if get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(Self { traces: false, metrics: false });
        }
        let signals = Self { traces: is_wanted(get, "TRACES")?, metrics: is_wanted(get, "METRICS")? };
        for (wanted, signal) in [(signals.traces, "TRACES"), (signals.metrics, "METRICS")] {
            let names = [format!("OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL".to_owned()];
            let given = names.into_iter().find_map(|name| get(&name).map(|value| (name, value)));
            if let Some((variable, value)) = given.filter(|(_, value)| wanted && value != "http/protobuf") {
                return Err(OtelError::Protocol { variable, value });
            }
        }
        Ok(signals)
    }

    pub(super) fn any(self) -> bool {
        self.traces || self.metrics
    }
}

/// Returns whether the environment asks for a signal.
fn is_wanted(get: &dyn Fn(&str) -> Option<String>, signal: &str) -> Result<bool, OtelError> {
    let variable = format!("OTEL_{signal}_EXPORTER");
    match get(&variable).as_deref() {
        None => {
            let endpoints = [format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"), "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned()];
            Ok(endpoints.iter().any(|endpoint| get(endpoint).is_some()))
        }
        Some("none") => Ok(false),
        Some(list) if list.split(',').any(|exporter| exporter.trim() == "otlp") => Ok(true),
        Some(value) => Err(OtelError::Exporter { variable, value: value.to_owned() }),
    }
}

/// Returns the time for a request.
pub(super) fn timeout() -> Duration {
    let given = var("OTEL_EXPORTER_OTLP_TIMEOUT").ok().and_then(|text| text.trim().parse().ok());
    given.map_or(TIMEOUT, Duration::from_millis)
}

/// Registers the values of headers as secrets, since they often are tokens.
pub(super) fn keep_headers_secret() {
    let names =
        ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"];
    for headers in names.into_iter().filter_map(|name| var(name).ok()) {
        let values = headers.split(',').filter_map(|header| header.split_once('='));
        // A short value, such as a number of a tenant, is a part of too many other texts.
        for (_, value) in values.filter(|(_, value)| value.trim().len() >= 8) {
            let _ = Secret::new(value.trim());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(variables: &[(&str, &str)]) -> Result<Signals, OtelError> {
        Signals::of(&|name| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_is_sent_unless_the_environment_asks_for_it() {
        let none = Signals { traces: false, metrics: false };
        assert_eq!(signals(&[]).unwrap(), none);
        let both = Signals { traces: true, metrics: true };
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert_eq!(signals(&[endpoint]).unwrap(), both);
        assert_eq!(signals(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap(), none);
        let traces = Signals { metrics: false, ..both };
        assert_eq!(signals(&[endpoint, ("OTEL_METRICS_EXPORTER", "none")]).unwrap(), traces);
        assert_eq!(signals(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/v1/traces")]).unwrap(), traces);
        assert_eq!(signals(&[("OTEL_TRACES_EXPORTER", "console,otlp")]).unwrap(), traces);
    }

    #[test]
    fn a_protocol_or_an_exporter_that_is_not_supported_is_an_error() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
        let error = signals(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err();
        assert_eq!(error.to_string(), "OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`, which is not supported");
        let error = signals(&[("OTEL_TRACES_EXPORTER", "jaeger")]).unwrap_err();
        assert_eq!(error.to_string(), "OTEL_TRACES_EXPORTER is `jaeger`, which is not supported");
        assert!(signals(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_ok_and(|signals| !signals.any()));
    }
}
