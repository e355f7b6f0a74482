//! The tables, their version and their migrations.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The version of the tables that this program knows. Each older version has a migration to the next one.
pub(crate) const VERSION: i32 = 1;

/// The migrations. The first one creates version 1.
///
/// `objects.fence` is -1 as long as no lease and no fence is known. `history.line` is JSON, because a text of `PostgreSQL` cannot
/// contain a NUL.
const MIGRATIONS: [&str; VERSION as usize] = ["
    CREATE TABLE setup (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        version integer NOT NULL,
        -- The start of the server, and the time when a process first saw this server.
        server_started timestamptz,
        server_seen timestamptz
    );
    CREATE TABLE processes (
        id bigint PRIMARY KEY,
        name text NOT NULL,
        host text NOT NULL,
        process text NOT NULL,
        ttl interval NOT NULL,
        beat timestamptz NOT NULL DEFAULT clock_timestamp(),
        waits text,
        waits_at timestamptz
    );
    -- The numbers of the last group of changes and of the last acquisition of a process.
    CREATE TABLE writers (
        process bigint PRIMARY KEY,
        number bigint NOT NULL DEFAULT 0,
        acquired bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50);
    CREATE TABLE objects (
        subdir text COLLATE \"C\" PRIMARY KEY,
        id text,
        type_name text,
        gone boolean,
        fence bigint NOT NULL DEFAULT -1,
        holder bigint,
        task text
    ) WITH (fillfactor = 70);
    CREATE TABLE entries (
        object text COLLATE \"C\",
        task text COLLATE \"C\",
        entry bytea NOT NULL,
        PRIMARY KEY (object, task)
    ) WITH (fillfactor = 70);
    CREATE TABLE history (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        object text COLLATE \"C\" NOT NULL,
        task text COLLATE \"C\" NOT NULL,
        time bigint NOT NULL,
        line text NOT NULL
    );
    CREATE INDEX history_time ON history (time);
    CREATE INDEX history_object ON history (object, seq);
"];

/// The state of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    Missing,
    Version(i32),
}

/// Returns the state of the tables in the schema of the connection.
pub(crate) async fn find(client: &Client) -> Result<Tables, tokio_postgres::Error> {
    match client.query_opt("SELECT version FROM setup", &[]).await {
        Ok(row) => Ok(row.map_or(Tables::Missing, |row| Tables::Version(row.get(0)))),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Tables::Missing),
        Err(error) => Err(error),
    }
}

/// Creates the tables, or brings them up to date. Several processes may do so at the same time.
pub(crate) async fn prepare(client: &mut Client, schema: &str) -> Result<Tables, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock(hashtext('setup-tasks ' || $1))", &[&schema]).await?;
    // The schema may have been created by an administrator, who did not permit to create others.
    let exists = transaction.query_one("SELECT to_regnamespace(quote_ident($1)) IS NOT NULL", &[&schema]).await?;
    if !exists.get::<_, bool>(0) {
        transaction.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
    }
    let found = transaction.query_one("SELECT to_regclass('setup') IS NOT NULL", &[]).await?;
    let version = if found.get(0) { transaction.query_opt("SELECT version FROM setup", &[]).await? } else { None };
    let version = version.map_or(0, |row| row.get::<_, i32>(0));
    let done = usize::try_from(version).unwrap_or(0);
    if done < MIGRATIONS.len() {
        for migration in &MIGRATIONS[done..] {
            transaction.batch_execute(migration).await?;
        }
        let put = "INSERT INTO setup (version) VALUES ($1) ON CONFLICT (one) DO UPDATE SET version = excluded.version";
        transaction.execute(put, &[&VERSION]).await?;
    }
    transaction.commit().await?;
    Ok(Tables::Version(version.max(VERSION)))
}
