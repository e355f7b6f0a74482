//! Errors of telemetry.

use std::time::Duration;

use setup_tasks::error::Excerpt;
use setup_tasks::error_help;

/// The error of telemetry that cannot be sent. Runs are not affected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtelError {
    /// A variable names a protocol that is not supported.
    #[error("{variable} is `{value}`, which is not supported")]
    Protocol {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// A variable names an exporter that is not supported.
    #[error("{variable} is `{value}`, which is not supported")]
    Exporter {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// A variable has a value that cannot be used.
    #[error("a variable of OpenTelemetry cannot be used")]
    Setting {
        /// The reason.
        #[source]
        reason: Option<Excerpt>,
    },
    /// The collector cannot be reached.
    #[error("telemetry cannot be sent to {collector}")]
    Unreachable {
        /// The address without its path.
        collector: String,
        /// The cause.
        #[source]
        cause: Option<Excerpt>,
    },
    /// The collector answered with an error.
    #[error("{collector} refused telemetry with status {status}")]
    Refused {
        /// The address.
        collector: String,
        /// The status.
        status: u16,
        /// The beginning of the answer.
        #[source]
        answer: Option<Excerpt>,
    },
    /// The last telemetry took too long.
    #[error("the last telemetry was not sent within {limit:?}")]
    TooSlow {
        /// The time that it had.
        limit: Duration,
    },
}

error_help!(OtelError);

impl OtelError {
    pub(super) fn of_setting(error: impl std::fmt::Display) -> Self {
        Self::Setting { reason: Excerpt::new(error.to_string()) }
    }

    /// Returns advice for the user.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Protocol { .. } => "set it to `http/protobuf`; collectors listen for it at port 4318",
            Self::Exporter { .. } => "set it to `otlp` or `none`",
            Self::Setting { .. } => "correct OTEL_EXPORTER_OTLP_ENDPOINT, such as `http://localhost:4318`",
            Self::Unreachable { .. } | Self::TooSlow { .. } => {
                "check OTEL_EXPORTER_OTLP_ENDPOINT and the collector; runs are not affected"
            }
            Self::Refused { .. } => {
                "the collector must accept OTLP over HTTP, mostly at port 4318; check its token, too"
            }
        })
    }
}
