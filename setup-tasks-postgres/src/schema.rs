//! The tables, their version and their migrations.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The version of the tables that this program knows. Each older version has a migration to the next one.
pub(crate) const VERSION: i32 = 2;

/// The migrations. The first one creates version 1.
///
/// `objects.fence` is -1 as long as no lease and no fence is known. `history.line` is JSON, because a text of `PostgreSQL` cannot
/// contain a NUL.
const MIGRATIONS: [&str; VERSION as usize] = [
    "
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
    -- The objects that processes wait for. The next change of such an object removes the rows and notifies the processes.
    CREATE TABLE waits (
        wanted text COLLATE \"C\",
        process bigint REFERENCES processes ON DELETE CASCADE,
        PRIMARY KEY (wanted, process)
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
",
    "
    -- The host where files of the object are.
    ALTER TABLE objects ADD COLUMN host text;
    CREATE INDEX objects_host ON objects (subdir) INCLUDE (host) WHERE host IS NOT NULL;
    CREATE TABLE workers (
        process bigint PRIMARY KEY,
        host text NOT NULL,
        program text NOT NULL,
        binary_hash text NOT NULL,
        layout_hash text NOT NULL,
        jobs integer NOT NULL,
        since timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE runs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        -- A random number, by which a statement that arrives twice has one effect.
        token bigint NOT NULL UNIQUE,
        began timestamptz NOT NULL DEFAULT clock_timestamp(),
        ended timestamptz,
        starter bigint NOT NULL,
        starter_name text NOT NULL,
        starter_host text NOT NULL,
        -- Whether the process that began the run takes the objects of its host.
        takes_part boolean NOT NULL,
        program text NOT NULL,
        binary_hash text NOT NULL,
        layout_hash text NOT NULL,
        options text NOT NULL,
        objects integer NOT NULL,
        fail_fast boolean NOT NULL,
        batch integer,
        max_failures integer,
        -- 0, 1 (after the running tasks) or 2 (at once)
        stop smallint NOT NULL DEFAULT 0,
        begun integer NOT NULL DEFAULT 0,
        granted integer NOT NULL DEFAULT 0,
        finished integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0
    ) WITH (fillfactor = 30);
    -- The states: 0 is open, 1 runs, 2 is done, 3 failed, 4 was stopped.
    CREATE TABLE run_objects (
        run bigint NOT NULL,
        position integer NOT NULL,
        id text NOT NULL,
        subdir text COLLATE \"C\" NOT NULL,
        waits_for integer NOT NULL,
        dependents integer[] NOT NULL,
        host text,
        state smallint NOT NULL DEFAULT 0,
        worker bigint,
        worker_host text,
        -- The process that the object waits for.
        aside text,
        result text,
        PRIMARY KEY (run, position)
    ) WITH (fillfactor = 50);
    CREATE INDEX run_objects_free ON run_objects (run, position) WHERE state = 0 AND waits_for <= 0;
    CREATE INDEX run_objects_left ON run_objects (run, state) WHERE state < 2;
    CREATE INDEX run_objects_subdir ON run_objects (run, subdir);
    CREATE TABLE run_events (
        run bigint NOT NULL,
        number bigint GENERATED ALWAYS AS IDENTITY,
        worker text NOT NULL,
        event text NOT NULL,
        PRIMARY KEY (run, number)
    );
    CREATE TABLE questions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        token bigint NOT NULL UNIQUE,
        host text NOT NULL,
        question text NOT NULL,
        asked timestamptz NOT NULL DEFAULT clock_timestamp(),
        taken_by bigint,
        answer text
    );
",
];

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
    // A pooler may have given this transaction another session than the one that was prepared.
    transaction.batch_execute(&format!("SET LOCAL search_path = \"{schema}\"")).await?;
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
