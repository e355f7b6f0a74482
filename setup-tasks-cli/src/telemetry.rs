//! The connection to a collector of OpenTelemetry, if the crate has the feature `otel`.

use std::ffi::OsStr;
use std::path::Path;

#[cfg(feature = "otel")]
pub(crate) use with_otel::{finish, layer, measure};
#[cfg(not(feature = "otel"))]
pub(crate) use without_otel::{finish, layer, measure};

/// Returns the name of this binary.
pub(crate) fn program() -> String {
    let path = std::env::args_os().next();
    let name = path.as_deref().and_then(|path| Path::new(path).file_name()).map(OsStr::to_string_lossy);
    name.map_or_else(|| "setup-tasks".to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(feature = "otel")]
mod with_otel {
    use std::sync::{Mutex, PoisonError};

    use setup_tasks::Layout;
    use setup_tasks_telemetry::otel::{Measuring, Otel, OtelError};
    use tracing::Subscriber;
    use tracing_subscriber::Layer;
    use tracing_subscriber::registry::LookupSpan;

    use crate::output;

    /// The connection, until it is ended.
    static OTEL: Mutex<Option<Otel>> = Mutex::new(None);

    /// Prepares the connection that the environment asks for, and returns the layer that sends spans.
    pub(crate) fn layer<S: Subscriber + for<'s> LookupSpan<'s>>() -> Option<impl Layer<S>> {
        match Otel::from_environment(&super::program()) {
            Ok(otel) => {
                let layer = otel.as_ref().and_then(Otel::layer);
                *OTEL.lock().unwrap_or_else(PoisonError::into_inner) = otel;
                layer
            }
            Err(error) => {
                tell(error);
                None
            }
        }
    }

    /// Measures later runs of a layout.
    pub(crate) fn measure(layout: &Layout) -> Option<Measuring> {
        OTEL.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|otel| otel.measure(layout))
    }

    /// Sends what is left. Trouble with the collector is a warning.
    pub(crate) fn finish() {
        let otel = OTEL.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = otel.map(Otel::end) {
            tell(error);
        }
    }

    fn tell(error: OtelError) {
        output::warning(&anyhow::Error::new(error));
    }
}

#[cfg(not(feature = "otel"))]
mod without_otel {
    use setup_tasks::Layout;
    use setup_tasks::fleet::FleetReport;
    use tracing_subscriber::layer::Identity;

    /// A measurement of nothing.
    pub(crate) enum Measuring {}

    impl Measuring {
        #[expect(clippy::unused_async, reason = "the measurement with the feature waits for events")]
        pub(crate) async fn ended(&self, _: &Layout, _: &FleetReport) {}
    }

    pub(crate) fn layer() -> Option<Identity> {
        None
    }

    pub(crate) fn measure(_: &Layout) -> Option<Measuring> {
        None
    }

    pub(crate) fn finish() {}
}
