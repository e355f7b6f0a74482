//! The statements about runs and workers. Each of them is a transaction of its own, and can be sent again if its answer was lost.
//!
//! The names of parameters are in the comments, because most statements have many.

/// `$1` process, `$2` host, `$3` program, `$4` binary, `$5` layout, `$6` jobs.
pub(super) const JOIN: &str = "INSERT INTO workers (process, host, program, binary_hash, layout_hash, jobs)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (process) DO UPDATE SET host = excluded.host, program = excluded.program,
        binary_hash = excluded.binary_hash, layout_hash = excluded.layout_hash, jobs = excluded.jobs";
pub(super) const LEAVE: &str = "DELETE FROM workers WHERE process = $1";

/// Removes the workers that have given no sign of life for a day, old runs and old questions.
pub(super) const FORGET_WORKERS: &str =
    "DELETE FROM workers w WHERE NOT EXISTS (SELECT FROM processes p WHERE p.id = w.process)";
pub(super) const FORGET_RUNS: &str =
    "DELETE FROM runs WHERE id <= (SELECT id FROM runs ORDER BY id DESC OFFSET 100 LIMIT 1)
    AND ended < clock_timestamp() - interval '1 day'";
/// Ends runs that nobody has carried out for a day.
pub(super) const END_OLD: &str = "UPDATE runs r SET ended = clock_timestamp()
    WHERE ended IS NULL AND began < clock_timestamp() - interval '1 day'
        AND NOT EXISTS (SELECT FROM run_objects o WHERE o.run = r.id AND o.state = 1)";
pub(super) const FORGET_OBJECTS: &str =
    "DELETE FROM run_objects o WHERE NOT EXISTS (SELECT FROM runs r WHERE r.id = o.run)";
pub(super) const FORGET_EVENTS: &str =
    "DELETE FROM run_events e WHERE NOT EXISTS (SELECT FROM runs r WHERE r.id = e.run)";
pub(super) const FORGET_QUESTIONS: &str = "DELETE FROM questions WHERE asked < clock_timestamp() - interval '1 hour'";

pub(super) const WORKERS: &str =
    "SELECT w.process, w.host, p.name, w.program, w.binary_hash, w.layout_hash, w.jobs, w.since
    FROM workers w JOIN processes p ON p.id = w.process
    WHERE p.beat + p.ttl > clock_timestamp() ORDER BY w.host, w.since";
pub(super) const RUNNING: &str = "SELECT o.worker, o.run, o.id, b.task, o.aside
    FROM run_objects o JOIN runs r ON r.id = o.run LEFT JOIN objects b ON b.subdir = o.subdir AND b.holder = o.worker
    WHERE o.state = 1 AND r.ended IS NULL ORDER BY o.run, o.position";

/// The columns of a run.
macro_rules! runs_sql {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.began, r.ended, r.starter_name, r.program, r.binary_hash, r.layout_hash, r.options,
                r.objects, r.finished, r.failed, r.stop,
                (SELECT count(*) FROM run_objects o WHERE o.run = r.id AND o.state = 1)
            FROM runs r ",
            $rest
        )
    };
}

pub(super) const RUNS: &str = runs_sql!("ORDER BY (r.ended IS NULL) DESC, r.id DESC LIMIT 20");
pub(super) const RUN: &str = runs_sql!("WHERE r.id = $1");

/// `$1` token, `$2` starter, `$3` its name, `$4` its host, `$5` takes part, `$6` program, `$7` binary, `$8` layout, `$9` options,
/// `$10` fail fast, `$11` batch, `$12` greatest number of failures, then the columns of the objects: `$13` ids, `$14` subdirs,
/// `$15` waits for, `$16` dependents, `$17` hosts.
pub(super) const BEGIN: &str = "WITH run AS (
        INSERT INTO runs (token, starter, starter_name, starter_host, takes_part, program, binary_hash, layout_hash, options,
            fail_fast, batch, max_failures, objects)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, cardinality($13::text[]))
        ON CONFLICT (token) DO NOTHING RETURNING id
    ), queued AS (
        INSERT INTO run_objects (run, position, id, subdir, waits_for, dependents, host)
        SELECT run.id, q.n - 1, q.id, q.subdir, q.waits_for, q.dependents::integer[], q.host FROM run,
            unnest($13::text[], $14::text[], $15::integer[], $16::text[], $17::text[])
            WITH ORDINALITY AS q (id, subdir, waits_for, dependents, host, n)
    )
    SELECT id FROM run UNION ALL SELECT id FROM runs WHERE token = $1 LIMIT 1";

/// Ends objects of this process and counts their dependents down. `$1` run, `$2` process, `$3` positions, `$4` states, `$5` results.
/// Returns the number of objects that are free now.
pub(super) const END: &str = "WITH mine AS (
        UPDATE run_objects o SET state = e.state, result = e.result, aside = NULL
        FROM unnest($3::integer[], $4::smallint[], $5::text[]) AS e (position, state, result)
        WHERE o.run = $1 AND o.position = e.position AND o.worker = $2 AND o.state = 1
        RETURNING o.state, o.dependents
    ), counted AS (
        UPDATE runs r SET finished = r.finished + m.ended, failed = r.failed + m.failed
        FROM (SELECT count(*)::integer AS ended, (count(*) FILTER (WHERE state = 3))::integer AS failed FROM mine) m
        WHERE r.id = $1 AND m.ended > 0
    ), waiting AS (
        SELECT d.position, count(*)::integer AS n FROM mine, unnest(mine.dependents) AS d (position) GROUP BY d.position
    ), locked AS (
        SELECT o.position FROM run_objects o JOIN waiting USING (position) WHERE o.run = $1 ORDER BY o.position FOR UPDATE OF o
    ), freed AS (
        UPDATE run_objects o SET waits_for = o.waits_for - w.n FROM waiting w JOIN locked USING (position)
        WHERE o.run = $1 AND o.position = w.position RETURNING o.waits_for
    )
    SELECT count(*) FROM freed WHERE waits_for <= 0";

/// Gives objects of this process back. `$1` run, `$2` process, `$3` positions.
pub(super) const GIVE_BACK: &str = "WITH back AS (
        UPDATE run_objects SET state = 0, worker = NULL, worker_host = NULL, aside = NULL
        WHERE run = $1 AND worker = $2 AND state = 1 AND position = ANY ($3::integer[]) RETURNING 1
    )
    UPDATE runs SET begun = begun - (SELECT count(*) FROM back) WHERE id = $1";

/// Takes free objects. `$1` run, `$2` process, `$3` host, `$4` limit, `$5` whether only objects are taken that are placed here.
///
/// The row of the run is locked, because the allowance of a batch depends on it. All its conditions are evaluated for its latest
/// version.
pub(super) const CLAIM: &str = "WITH picked AS (
        SELECT position, row_number() OVER () AS n FROM (
            SELECT position FROM run_objects
            WHERE run = $1 AND state = 0 AND waits_for <= 0 AND (host = $3 OR (host IS NULL AND NOT $5))
            ORDER BY position LIMIT $4 FOR UPDATE SKIP LOCKED) AS free
    ), counted AS (SELECT count(*)::integer AS free FROM picked
    ), run AS (
        UPDATE runs r SET
            granted = least(c.free, CASE
                WHEN r.batch IS NULL THEN c.free
                WHEN r.begun = 0 OR r.begun % r.batch > 0 THEN r.batch - r.begun % r.batch
                WHEN r.begun = r.finished AND r.failed <= r.max_failures THEN r.batch
                ELSE 0 END),
            begun = r.begun + least(c.free, CASE
                WHEN r.batch IS NULL THEN c.free
                WHEN r.begun = 0 OR r.begun % r.batch > 0 THEN r.batch - r.begun % r.batch
                WHEN r.begun = r.finished AND r.failed <= r.max_failures THEN r.batch
                ELSE 0 END)
        FROM counted c
        WHERE r.id = $1 AND c.free > 0 AND r.stop = 0 AND r.ended IS NULL AND NOT (r.fail_fast AND r.failed > 0)
        RETURNING r.granted
    )
    UPDATE run_objects o SET state = 1, worker = $2, worker_host = $3, aside = NULL FROM picked, run
    WHERE o.run = $1 AND o.position = picked.position AND picked.n <= run.granted";

/// Returns the objects that this process runs, apart from those that it knows. `$1` run, `$2` process, `$3` known positions.
pub(super) const MINE: &str = "SELECT position, subdir FROM run_objects
    WHERE run = $1 AND worker = $2 AND state = 1 AND position <> ALL ($3::integer[]) ORDER BY position";

/// Gives the objects of processes back that have sent no beat for their time to live. `$1` run, `$2` the time to live of this
/// process, for which a server that was restarted leaves workers alone.
pub(super) const REVIVE: &str = "WITH dead AS (
        UPDATE run_objects o SET state = 0, worker = NULL, worker_host = NULL, aside = NULL
        WHERE o.run = $1 AND o.state = 1
            AND NOT EXISTS (SELECT FROM processes p WHERE p.id = o.worker AND p.beat + p.ttl > clock_timestamp())
            AND (SELECT server_seen + $2 * interval '1 millisecond' < clock_timestamp() FROM setup)
        RETURNING 1
    )
    UPDATE runs SET begun = begun - (SELECT count(*) FROM dead) WHERE id = $1 AND EXISTS (SELECT FROM dead)";

/// Fails the open objects that are placed on a host without a worker. `$1` run.
pub(super) const MISSING: &str = "WITH present AS (
        SELECT w.host FROM workers w JOIN processes p ON p.id = w.process
        JOIN runs r ON r.id = $1 AND w.binary_hash = r.binary_hash AND w.layout_hash = r.layout_hash
        WHERE p.beat + p.ttl > clock_timestamp()
        UNION SELECT r.starter_host FROM runs r JOIN processes p ON p.id = r.starter
        WHERE r.id = $1 AND r.takes_part AND p.beat + p.ttl > clock_timestamp()
    ), missing AS (
        UPDATE run_objects o SET state = 3
        WHERE o.run = $1 AND o.state = 0 AND o.host IS NOT NULL AND NOT EXISTS (SELECT FROM present WHERE host = o.host)
            AND (SELECT server_seen + $2 * interval '1 millisecond' < clock_timestamp() FROM setup)
        RETURNING o.dependents
    ), counted AS (
        UPDATE runs SET begun = begun + m.n, finished = finished + m.n, failed = failed + m.n
        FROM (SELECT count(*)::integer AS n FROM missing) m WHERE id = $1 AND m.n > 0
    ), waiting AS (
        SELECT d.position, count(*)::integer AS n FROM missing, unnest(dependents) AS d (position) GROUP BY d.position
    )
    UPDATE run_objects o SET waits_for = o.waits_for - w.n FROM waiting w WHERE o.run = $1 AND o.position = w.position";

/// Frees one object, if all objects that are left wait for each other. `$1` run.
pub(super) const UNBLOCK: &str = "UPDATE run_objects SET waits_for = 0
    WHERE run = $1 AND position = (SELECT min(position) FROM run_objects WHERE run = $1 AND state = 0)
        AND NOT EXISTS (SELECT FROM run_objects WHERE run = $1 AND (state = 1 OR (state = 0 AND waits_for <= 0)))";

/// Ends a run of which nothing is left, or in which nothing begins any more. `$1` run.
pub(super) const FINISH: &str = "UPDATE runs r SET ended = clock_timestamp()
    WHERE r.id = $1 AND r.ended IS NULL AND NOT EXISTS (SELECT FROM run_objects WHERE run = $1 AND state = 1)
        AND (r.stop > 0 OR (r.fail_fast AND r.failed > 0)
            OR (r.batch IS NOT NULL AND r.begun = r.finished AND r.begun % r.batch = 0 AND r.failed > r.max_failures)
            OR NOT EXISTS (SELECT FROM run_objects WHERE run = $1 AND state = 0))";

/// `$1` run.
pub(super) const STATE: &str = "SELECT stop, ended IS NOT NULL FROM runs WHERE id = $1";

/// `$1` run, `$2` 1 or 2.
pub(super) const STOP: &str = "UPDATE runs SET stop = greatest(stop, $2) WHERE id = $1 AND ended IS NULL";

/// Notes the process that an object waits for. `$1` run, `$2` process, `$3` subdir, `$4` the holder or nothing.
pub(super) const ASIDE: &str =
    "UPDATE run_objects SET aside = $4 WHERE run = $1 AND worker = $2 AND subdir = $3 AND state = 1";

/// `$1` run, `$2` host, `$3` events. The row of the run is locked, so that the numbers of events have the order of their transactions.
pub(super) const PUBLISH: &str = "WITH locked AS (SELECT id FROM runs WHERE id = $1 FOR UPDATE)
    INSERT INTO run_events (run, worker, event)
    SELECT locked.id, $2, e.event FROM locked, unnest($3::text[]) WITH ORDINALITY AS e (event, n) ORDER BY e.n";

/// `$1` run, `$2` the last number that is known.
pub(super) const EVENTS: &str =
    "SELECT number, worker, event FROM run_events WHERE run = $1 AND number > $2 ORDER BY number LIMIT 1000";

/// `$1` run.
pub(super) const RESULTS: &str =
    "SELECT id, state, host, worker_host, result FROM run_objects WHERE run = $1 ORDER BY position";

/// `$1` run, `$2` subdir.
pub(super) const PERMISSION: &str = "SELECT o.state, o.host, o.worker, o.worker_host FROM run_objects o
    WHERE o.run = $1 AND o.subdir = $2
    UNION ALL SELECT NULL, b.host, NULL, NULL FROM objects b WHERE b.subdir = $2
        AND NOT EXISTS (SELECT FROM run_objects o WHERE o.run = $1 AND o.subdir = $2)";

pub(super) const BINDINGS: &str = "SELECT subdir, host FROM objects WHERE host IS NOT NULL";

/// `$1` subdir, `$2` host.
pub(super) const BIND: &str = "INSERT INTO objects (subdir, host) VALUES ($1, $2)
    ON CONFLICT (subdir) DO UPDATE SET host = excluded.host WHERE objects.host IS DISTINCT FROM excluded.host";

/// `$1` token, `$2` host, `$3` question.
pub(super) const ASK: &str = "INSERT INTO questions (token, host, question)
    SELECT $1, $2, $3 WHERE EXISTS (SELECT FROM workers w JOIN processes p ON p.id = w.process
        WHERE w.host = $2 AND p.beat + p.ttl > clock_timestamp())
    ON CONFLICT (token) DO NOTHING";
pub(super) const ASKED: &str = "SELECT answer FROM questions WHERE token = $1";
pub(super) const FORGET_QUESTION: &str = "DELETE FROM questions WHERE token = $1";

/// `$1` process, `$2` host.
pub(super) const TAKE_QUESTIONS: &str = "UPDATE questions SET taken_by = $1 WHERE id IN (
        SELECT id FROM questions WHERE host = $2 AND answer IS NULL AND taken_by IS NULL
            AND asked > clock_timestamp() - interval '1 minute'
        ORDER BY id FOR UPDATE SKIP LOCKED)
    RETURNING id, question";
/// `$1` question, `$2` answer.
pub(super) const ANSWER: &str = "UPDATE questions SET answer = $2 WHERE id = $1";

/// `$1` the text of the nudge.
pub(super) const NUDGE: &str = "SELECT pg_notify('setup_tasks', $1)";
