//! The statements of the writer. Each condition on `objects` and `writers` is evaluated for the latest version of a row.

macro_rules! write_sql {
    ($removal:literal) => {
        concat!(
            "WITH gate AS (
                UPDATE writers SET number = $2 WHERE process = $1 AND number < $2 RETURNING 1
            ), job AS (
                SELECT j.* FROM gate,
                    unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::boolean[])
                    AS j (object, fence, id, type_name, gone)
            ), accepted AS (
                INSERT INTO objects AS o (subdir, fence, id, type_name, gone)
                SELECT object, fence, id, type_name, gone FROM job ORDER BY object
                ON CONFLICT (subdir) DO UPDATE SET
                    fence = greatest(o.fence, excluded.fence),
                    id = CASE WHEN excluded.gone IS NULL THEN o.id ELSE excluded.id END,
                    type_name = CASE WHEN excluded.gone IS NULL THEN o.type_name ELSE excluded.type_name END,
                    gone = coalesce(excluded.gone, o.gone)
                WHERE excluded.fence < 0
                    OR (excluded.fence >= o.fence AND (o.holder IS NULL OR o.holder = $1))
                RETURNING subdir
            ), put AS (
                INSERT INTO entries (object, task, entry)
                SELECT e.object, e.task, e.entry
                FROM unnest($8::text[], $9::text[], $10::bytea[]) AS e (object, task, entry)
                JOIN accepted ON subdir = e.object
                ON CONFLICT (object, task) DO UPDATE SET entry = excluded.entry
            ), line AS (
                INSERT INTO history (object, task, time, line)
                SELECT l.object, l.task, l.time, l.line
                FROM unnest($11::text[], $12::text[], $13::bigint[], $14::text[])
                    WITH ORDINALITY AS l (object, task, time, line, n)
                JOIN accepted ON subdir = l.object
                ORDER BY l.n
            ), waiting AS (
                DELETE FROM waits w USING accepted WHERE w.wanted = subdir RETURNING 1
            )",
            $removal,
            " SELECT (SELECT count(*) FROM gate), (SELECT array_agg(subdir) FROM accepted),
                (SELECT pg_notify('setup_tasks', 'w ' || current_schema()) FROM waiting LIMIT 1)::text"
        )
    };
}

/// The statement that writes a group. Its snapshot is as old as its start, so it reads nothing that another process changes: the
/// conditions on `objects` and on `writers` are evaluated for the latest rows.
pub(crate) const WRITE: &str = write_sql!("");

/// The statement that writes a group which also removes entries.
pub(crate) const WRITE_AND_REMOVE: &str = write_sql!(
    ", removed AS (
        DELETE FROM entries e USING accepted a WHERE e.object = a.subdir AND (
            e.object = ANY ($15::text[]) AND NOT EXISTS (
                SELECT FROM unnest($8::text[], $9::text[]) AS k (object, task)
                WHERE k.object = e.object AND k.task = e.task)
            OR EXISTS (
                SELECT FROM unnest($16::text[], $17::text[]) AS r (object, task)
                WHERE r.object = e.object AND r.task = e.task))
    )"
);

/// Takes leases that are free, or whose holder has sent no beat for its time to live. A row that names this process is left over
/// from an attempt whose answer was lost, because a lease that this process holds is not requested again.
///
/// A process whose lease is new counts as alive.
pub(crate) const ACQUIRE: &str =
    "WITH gate AS (UPDATE writers SET acquired = $2 WHERE process = $1 AND acquired < $2 RETURNING 1),
    beat AS (UPDATE processes SET beat = clock_timestamp() WHERE id = $1)
    INSERT INTO objects AS o (subdir, fence, holder)
    SELECT s, 1, $1 FROM gate, unnest($3::text[]) AS s ORDER BY s
    ON CONFLICT (subdir) DO UPDATE SET fence = greatest(o.fence, 0) + 1, holder = $1, task = NULL
    WHERE o.holder IS NULL OR o.holder = $1
        OR (NOT EXISTS (SELECT FROM processes p WHERE p.id = o.holder AND p.beat + p.ttl > clock_timestamp())
            AND (SELECT server_seen + $4 * interval '1 millisecond' < clock_timestamp() FROM setup))";

/// Reads the result of an acquisition. It also returns what an attempt took whose answer was lost.
pub(crate) const HOLDERS: &str = "SELECT o.subdir, o.fence, o.holder = $2, p.name, o.task, p.process, o.holder
    FROM objects o LEFT JOIN processes p ON p.id = o.holder
    WHERE o.subdir = ANY ($1::text[]) AND o.holder IS NOT NULL";

/// Ends leases, and nudges the processes that wait for them.
pub(crate) const RELEASE: &str = "WITH mine AS (
        SELECT o.subdir FROM objects o JOIN unnest($2::text[], $3::bigint[]) AS r (subdir, fence) ON r.subdir = o.subdir
        WHERE o.holder = $1 AND (r.fence < 0 OR o.fence = r.fence)
        ORDER BY o.subdir FOR NO KEY UPDATE OF o
    ), free AS (
        UPDATE objects o SET holder = NULL, task = NULL FROM mine WHERE o.subdir = mine.subdir AND o.holder = $1
        RETURNING o.subdir
    ), waiting AS (DELETE FROM waits w USING free WHERE w.wanted = free.subdir RETURNING 1)
    SELECT pg_notify('setup_tasks', 'w ' || current_schema()) FROM waiting LIMIT 1";

pub(crate) const FENCES: &str = "SELECT subdir, fence FROM objects WHERE subdir = ANY ($1::text[])";
pub(crate) const NUMBER: &str = "SELECT number FROM writers WHERE process = $1";
