//! A copy of the database in memory, with its log applied. It leaves no trace of a read, even while
//! another process writes, after a process was killed, and on a read-only disk. `SQLite` itself
//! would change the files beside the database and remove them in the end.
//!
//! The log's format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::io::Read;
use std::path::Path;

use foldhash::{HashMap, HashMapExt};
use rusqlite::Connection;

use super::super::StampError;
use super::database::{check_format, explain, open_immutable, sidecar};
use crate::fs::found;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The first word of a log whose checksums use little-endian words. With big-endian words, the word
/// is greater by one.
const MAGIC: u32 = 0x377f_0682;
/// The number of attempts to copy the database. A log that begins anew during each of them belongs
/// to a database that is written without a pause.
const ATTEMPTS: usize = 100;

/// The number of attempts after which a database that looks damaged counts as damaged. A page can
/// be read while another process writes it. These attempts take a fifth of a second.
const TORN: u64 = 20;

/// Opens a copy of the current database.
///
/// Until the log begins anew, all data that is written to the database comes from the log. So a
/// database that was read before its log is complete once the whole log is applied, even if the
/// database was written meanwhile.
pub(super) fn open_copy(path: &Path) -> Result<Connection, StampError> {
    let log = sidecar(path, "-wal");
    let mut torn = 0;
    for _ in 0..ATTEMPTS {
        let (before, state) = (read(&log, HEADER)?, state(path)?);
        let has_log = before.len() == HEADER;
        let copy = || {
            let mut image = image(path)?;
            let frames = read(&log, usize::MAX)?;
            // A log that begins anew gets another header first. If a second read returns the same
            // header, all frames that were read before belong to it.
            let is_same = if has_log {
                frames.starts_with(&before) && read(&log, HEADER)? == before
            } else {
                frames.is_empty() && state == self::state(path)?
            };
            if !is_same {
                return Ok(None);
            }
            apply(&mut image, &frames);
            open_image(path, &image).map(Some)
        };
        match copy() {
            Ok(Some(copy)) => return Ok(copy),
            Ok(None) => {}
            // A checkpoint may be interrupted in the middle of a page. Each attempt gives it more
            // time.
            Err(StampError::Damaged { .. }) if has_log && torn < TORN => {
                torn += 1;
                std::thread::sleep(std::time::Duration::from_millis(torn));
            }
            Err(error) => return Err(error),
        }
    }
    let detail = "it changes too often to be read without a trace".to_owned();
    Err(StampError::Database { path: path.to_owned(), detail })
}

/// Reads the beginning of a file. A missing file counts as empty.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, StampError> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(limit as u64).read_to_end(&mut bytes));
    found(read).map_err(|error| StampError::io("read", path, error))?;
    Ok(bytes)
}

fn state(path: &Path) -> Result<impl PartialEq, StampError> {
    let meta = std::fs::metadata(path).map_err(|error| StampError::io("read", path, error))?;
    Ok((meta.modified().ok(), meta.len()))
}

/// Reads the database without its log. `SQLite` itself reads the file, because a process that
/// closes the file in another way releases the locks of its own connections.
fn image(path: &Path) -> Result<Vec<u8>, StampError> {
    let mut frozen = open_immutable(path)?;
    // During a checkpoint, or after an interrupted one, the first page may count pages that the
    // file does not contain yet. Those pages are in the log.
    frozen.pragma_update(None, "writable_schema", true).map_err(|error| explain(path, &error))?;
    let image = frozen.serialize("main").map_err(|error| explain(path, &error))?;
    Ok(image.to_vec())
}

/// Applies the complete transactions of a log.
fn apply(image: &mut Vec<u8>, log: &[u8]) {
    let Some((pages, size, page_size)) = committed(log) else { return };
    image.resize(size * page_size, 0);
    for (page, at) in pages {
        let begin = (page - 1) * page_size;
        // A later transaction may have truncated the database.
        if let Some(place) = image.get_mut(begin..begin + page_size) {
            place.copy_from_slice(&log[at..at + page_size]);
        }
    }
}

/// Returns the position of the latest content of each page in the log, the number of pages after
/// the last transaction, and the page size. Returns `None` if no transaction is complete.
fn committed(log: &[u8]) -> Option<(HashMap<usize, usize>, usize, usize)> {
    let magic = word(log, 0)?;
    if magic & !1 != MAGIC {
        return None;
    }
    let sums = Sums { big_endian: magic & 1 == 1 };
    let page_size = word(log, 8)? as usize;
    let salts = log.get(16..24)?;
    let mut sum = sums.add((0, 0), log.get(..24)?);
    if !page_size.is_power_of_two() || page_size < 512 || sum != (word(log, 24)?, word(log, 28)?) {
        return None;
    }
    let (mut pages, mut pending, mut size) = (HashMap::new(), Vec::new(), None);
    let mut at = HEADER;
    while let Some(frame) = log.get(at..at + FRAME_HEADER + page_size) {
        let (header, page) = (&frame[..FRAME_HEADER], &frame[FRAME_HEADER..]);
        let number = word(header, 0)? as usize;
        sum = sums.add(sums.add(sum, &header[..8]), page);
        // The following frames are older than the beginning of the log, or unfinished.
        if number == 0 || header[8..16] != *salts || sum != (word(header, 16)?, word(header, 20)?) {
            break;
        }
        pending.push((number, at + FRAME_HEADER));
        let pages_after = word(header, 4)? as usize;
        if pages_after > 0 {
            pages.extend(pending.drain(..));
            size = Some(pages_after);
        }
        at += FRAME_HEADER + page_size;
    }
    size.map(|size| (pages, size, page_size))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

struct Sums {
    big_endian: bool,
}

impl Sums {
    /// Adds pairs of words to a checksum.
    fn add(&self, (mut first, mut second): (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let word = |word: &[u8]| {
            let word = [word[0], word[1], word[2], word[3]];
            if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        };
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        }
        (first, second)
    }
}

fn open_image(path: &Path, image: &[u8]) -> Result<Connection, StampError> {
    let mut image = image.to_vec();
    // A database in memory has no log.
    if let Some(version) = image.get_mut(super::database::USE_A_LOG) {
        version.fill(1);
    }
    let open = || {
        let mut memory = Connection::open_in_memory()?;
        memory.deserialize_read_exact("main", &*image, image.len(), true)?;
        Ok(memory)
    };
    let memory = open().map_err(|error| explain(path, &error))?;
    check_format(path, &memory)?;
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a database whose log grows without automatic checkpoints.
    fn database(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA application_id = 1398035275; CREATE TABLE rows (id INTEGER PRIMARY KEY, text BLOB);
                 PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;",
            )
            .unwrap();
        connection
    }

    fn rows(connection: &Connection) -> Vec<(i64, i64)> {
        let mut rows = connection.prepare("SELECT id, length(text) FROM rows ORDER BY id").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn is_sound(connection: &Connection) -> bool {
        connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap() == "ok"
    }

    /// Applies the changes of a step. Rows are added, grow and are removed, and checkpoints begin
    /// the log anew.
    fn change(connection: &Connection, step: u64) {
        let text = vec![0_u8; usize::try_from(step * 7919 % 9000).unwrap()];
        let (key, count) = (i64::try_from(step * 31 % 57).unwrap(), i64::try_from(step % 5).unwrap());
        let transaction = connection.unchecked_transaction().unwrap();
        for id in key..=key + count {
            transaction.execute("INSERT OR REPLACE INTO rows VALUES (?1, ?2)", (id, &text)).unwrap();
        }
        if step.is_multiple_of(3) {
            transaction.execute("DELETE FROM rows WHERE id % 4 = ?1", [count]).unwrap();
        }
        if step.is_multiple_of(11) { transaction.rollback() } else { transaction.commit() }.unwrap();
        let bring_in = ["PASSIVE", "RESTART", "TRUNCATE", "FULL"][usize::try_from(step / 13 % 4).unwrap()];
        if step.is_multiple_of(13) {
            connection.query_row(&format!("PRAGMA wal_checkpoint({bring_in})"), [], |_| Ok(())).unwrap();
        }
        if step.is_multiple_of(29) {
            connection.execute_batch("VACUUM").unwrap();
        }
    }

    #[test]
    fn a_copy_says_what_the_database_says_at_every_step() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("rows.sqlite");
        let connection = database(&path);
        for step in 1..200 {
            change(&connection, step);
            let copy = open_copy(&path).unwrap();
            assert!(rows(&copy) == rows(&connection) && is_sound(&copy), "step {step}");
        }
    }

    #[test]
    fn a_log_that_is_cut_or_damaged_counts_up_to_there() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("rows.sqlite");
        let connection = database(&path);
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let mut known = vec![rows(&connection)];
        for id in 0..6 {
            connection.execute("INSERT INTO rows VALUES (?1, zeroblob(3000))", [id]).unwrap();
            known.push(rows(&connection));
        }
        let log = std::fs::read(sidecar(&path, "-wal")).unwrap();
        let image = image(&path).unwrap();
        let mut counted = 0;
        for at in (0..log.len()).step_by(97) {
            let mut damaged = log.clone();
            damaged[at] ^= 1;
            for log in [&log[..at], &damaged[..]] {
                let mut image = image.clone();
                apply(&mut image, log);
                let copy = open_image(&path, &image).unwrap();
                assert!(is_sound(&copy));
                let found = known.iter().position(|known| *known == rows(&copy));
                counted = counted.max(found.expect("the rows as they were after some transaction"));
            }
        }
        assert!(counted >= 4, "{counted}");
    }

    struct Stop<'s>(&'s std::sync::atomic::AtomicBool);

    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn a_copy_that_is_made_while_others_write_is_whole() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("rows.sqlite");
        let connection = database(&path);
        connection.execute_batch("CREATE TABLE pairs (id INTEGER PRIMARY KEY, a, b)").unwrap();
        let stop = &std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut round = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    round += 1;
                    connection
                        .execute_batch(&format!(
                            "BEGIN; UPDATE pairs SET a = a + 1; INSERT INTO pairs VALUES ({round}, 0, zeroblob(2000));
                             UPDATE pairs SET a = 0; DELETE FROM pairs WHERE id < {round} - 40; COMMIT;"
                        ))
                        .unwrap();
                    if round % 7 == 0 {
                        connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
                    }
                }
            });
            // The writer also stops if an assertion below fails.
            let _stop = Stop(stop);
            for _ in 0..100 {
                let copy = open_copy(&path).unwrap();
                let (sum, least, most, count): (i64, i64, i64, i64) = copy
                    .query_row(
                        "SELECT ifnull(sum(a), 0), ifnull(min(id), 1), ifnull(max(id), 0), count(*) FROM pairs",
                        [],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                    )
                    .unwrap();
                assert!(sum == 0 && count == most - least + 1 && count <= 41, "{sum} {least} {most} {count}");
                assert!(is_sound(&copy));
            }
        });
    }
}
