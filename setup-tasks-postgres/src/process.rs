//! This process in the database: its identity, and its row.

use std::time::Duration;

use setup_tasks::lease::ProcessRecord;
use tokio_postgres::Client;

/// This opening of the store. Another opening of the same process has another identity.
#[derive(Debug)]
pub(crate) struct Process {
    /// A random number.
    pub(crate) id: i64,
    pub(crate) name: String,
    host: String,
    record: String,
}

impl Process {
    pub(crate) fn new(host: Option<&str>) -> Self {
        let record = host.map_or_else(ProcessRecord::here, |host| ProcessRecord::here().on_host(host));
        Self {
            id: random(),
            name: plain(&record.to_string()),
            host: plain(record.host().unwrap_or_default()),
            record: record.to_json(),
        }
    }

    /// Returns the name of this host.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Creates the row of this process, and notes the start of the server. After a restart or a failover, leases are not taken over
    /// until their holders had time to return.
    pub(crate) async fn register(&self, client: &Client, ttl: Duration) -> Result<(), tokio_postgres::Error> {
        const REGISTER: &str = "INSERT INTO processes (id, name, host, process, ttl)
            VALUES ($1, $2, $3, $4, $5 * interval '1 millisecond') ON CONFLICT (id) DO NOTHING";
        const WRITES: &str = "INSERT INTO writers (process) VALUES ($1) ON CONFLICT (process) DO NOTHING";
        const SERVER: &str =
            "UPDATE setup SET server_started = pg_postmaster_start_time(), server_seen = clock_timestamp()
            WHERE server_started IS DISTINCT FROM pg_postmaster_start_time()";
        client.execute(SERVER, &[]).await?;
        let ttl = millis(ttl);
        let is_new = client.execute(REGISTER, &[&self.id, &self.name, &self.host, &self.record, &ttl]).await? == 1;
        client.execute(WRITES, &[&self.id]).await?;
        if is_new {
            forget_old(client).await?;
        }
        Ok(())
    }
}

/// Returns a random number.
pub(crate) fn random() -> i64 {
    let mut number = [0; 8];
    if getrandom::fill(&mut number).is_err() {
        // Every system has random numbers at this point. Otherwise, time and process id take their place.
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        number.copy_from_slice(&(since ^ u128::from(std::process::id()) << 40).to_le_bytes()[..8]);
    }
    i64::from_le_bytes(number)
}

/// Removes the rows of processes that have ended.
async fn forget_old(client: &Client) -> Result<(), tokio_postgres::Error> {
    const PROCESSES: &str = "DELETE FROM processes p WHERE p.beat + p.ttl + interval '1 day' < clock_timestamp()
        AND NOT EXISTS (SELECT FROM objects o WHERE o.holder = p.id)";
    const WRITERS: &str = "DELETE FROM writers w WHERE NOT EXISTS (SELECT FROM processes p WHERE p.id = w.process)";
    client.execute(PROCESSES, &[]).await?;
    client.execute(WRITERS, &[]).await.map(drop)
}

/// Returns a duration as `PostgreSQL` takes it.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns a text without NUL, which `PostgreSQL` cannot store.
pub(crate) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
