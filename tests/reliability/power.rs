//! Tests with simulated power losses, after which unsynced data is lost completely or partly. A
//! shim that is preloaded into the process records all synced data. After a kill, the test restores
//! the directory from these records.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use test_kit::{Numbers, setting};

use crate::trial::Trial;

const PAGE: usize = 4096;

/// Returns the path of the shim, which is compiled once. The C compiler is available because the
/// embedded database needs it, too.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = SHIM.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let (source, library) = (directory.path().join("synced.c"), directory.path().join("synced.so"));
        fs::write(&source, include_str!("synced.c")).unwrap();
        let compiled =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).arg("-ldl").status();
        assert!(compiled.unwrap().success());
        (directory, library)
    });
    path
}

/// The data that is known to be on the disk: the content of each file at its last sync, by inode,
/// and the synced names.
#[derive(Default)]
struct Disk {
    contents: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<PathBuf, BTreeMap<String, u64>>,
}

impl Disk {
    /// Reads the records of the shim.
    fn learn(&mut self, records: &Path) {
        let log = fs::read_to_string(records.join("log")).unwrap_or_default();
        // The last line may be incomplete because its writer was killed.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let mut words = line.split('\t');
            match words.next() {
                // The process synced a file. Its content and its name are on the disk.
                Some("file") => {
                    let (inode, copy, path) = (words.next(), words.next(), words.next());
                    let (Some(inode), Some(copy), Some(path)) = (inode, copy, path) else { continue };
                    let Ok(content) = fs::read(records.join(copy)) else { continue };
                    let (inode, path) = (inode.parse().unwrap(), Path::new(path));
                    self.contents.insert(inode, content);
                    if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
                        let names = self.names.entry(parent.to_owned()).or_default();
                        names.insert(name.to_string_lossy().into_owned(), inode);
                    }
                }
                // The process synced a directory. It contains exactly these names.
                Some("directory") => {
                    let Some(path) = words.next() else { continue };
                    let names = words.filter_map(|entry| {
                        let (inode, name) = entry.split_once(' ')?;
                        Some((name.to_owned(), inode.parse().ok()?))
                    });
                    self.names.insert(path.into(), names.collect());
                }
                _ => {}
            }
        }
    }

    /// Restores the directory to a possible state after the power loss. Each unsynced name, and
    /// each unsynced page, is on the disk or not at random.
    fn restore(&self, directory: &Path, numbers: &mut Numbers) {
        let entries: Vec<_> = fs::read_dir(directory).map(|entries| entries.flatten().collect()).unwrap_or_default();
        let mut now: BTreeMap<String, (u64, bool)> = BTreeMap::new();
        for entry in entries {
            let meta = entry.metadata().unwrap();
            // The socket of the killed process has no meaning after a restart.
            if !meta.is_file() && !meta.is_dir() {
                fs::remove_file(entry.path()).unwrap();
                continue;
            }
            now.insert(entry.file_name().to_string_lossy().into_owned(), (meta.ino(), meta.is_dir()));
        }
        let synced = self.names.get(directory).cloned().unwrap_or_default();
        for (name, (inode, is_directory)) in &now {
            let path = directory.join(name);
            if *is_directory {
                self.restore(&path, numbers);
                continue;
            }
            // A restart removes the shared memory of the killed process and its locks.
            if name.ends_with("-shm") || path.extension().is_some_and(|ending| ending == "lock") {
                fs::remove_file(&path).unwrap();
                continue;
            }
            let kept = match synced.get(name) {
                // The name refers to the file that it had at the last sync, or to the current one.
                Some(old) if old != inode && numbers.below(2) == 0 => {
                    let content = self.contents.get(old).cloned().unwrap_or_default();
                    fs::remove_file(&path).unwrap();
                    fs::write(&path, content).unwrap();
                    continue;
                }
                Some(_) => true,
                None => numbers.below(2) == 0,
            };
            if !kept {
                fs::remove_file(&path).unwrap();
                continue;
            }
            let written = fs::read(&path).unwrap();
            let content = self.torn(self.contents.get(inode), &written, numbers);
            fs::write(&path, content).unwrap();
        }
        // A file that was removed without a sync may exist again.
        for (name, inode) in synced {
            let content = self.contents.get(&inode);
            if let (false, Some(content), 0) = (now.contains_key(&name), content, numbers.below(2)) {
                fs::write(directory.join(name), content).unwrap();
            }
        }
    }

    /// Returns a possible content of a file after a power loss. Some pages that were written since
    /// the last sync are on the disk, and the length is the synced or the current one.
    fn torn(&self, synced: Option<&Vec<u8>>, written: &[u8], numbers: &mut Numbers) -> Vec<u8> {
        let mut content = synced.cloned().unwrap_or_default();
        if content == written {
            return content;
        }
        if numbers.below(2) == 0 {
            content.resize(written.len(), 0);
        }
        let share = numbers.below(4);
        for start in (0..content.len()).step_by(PAGE) {
            let end = (start + PAGE).min(content.len()).min(written.len());
            if start < end && numbers.below(3) < share {
                content[start..end].copy_from_slice(&written[start..end]);
            }
        }
        content
    }
}

fn lose_power(times: u64, durable: bool, seed: u64) {
    let settings: &[(&'static str, &str)] = if durable { &[("DURABLE", "1")] } else { &[("DURABLE", "0")] };
    let place = Trial::new(settings);
    let (records, mut numbers, mut disk) = (tempfile::tempdir().unwrap(), Numbers::new(seed), Disk::default());
    let mut lost = 0;
    for round in 0..times {
        let context = format!("seed {seed}, durable {durable}, round {round}");
        for object in 0..6 {
            if numbers.below(3) == 0 {
                place.set_generation(object, round + 1);
            }
        }
        for file in fs::read_dir(records.path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let mut command = place.command("run");
        command.env("LD_PRELOAD", shim()).env("SYNCED_ROOT", place.path()).env("SYNCED_RECORDS", records.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(3000 + numbers.below(80_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        // The stamps are read from a copy because reading recovers the database, and the recovery
        // would write to the disk.
        let before = place.copy().stamps();
        disk.learn(records.path());
        disk.restore(&place.path().join(".setup-tasks"), &mut numbers);
        // The tasks have synced their own effects.
        place.check_truth(&context);
        let (after, ledger) = (place.stamps(), place.ledger());
        let gone: Vec<_> = before.iter().filter(|(task, stamp)| after.get(*task) != Some(*stamp)).collect();
        // A stamp that was being written did not count yet. It counts once the next task of the
        // object has begun.
        let counted = gone.iter().filter(|(task, (generation, _))| {
            let next = task.replace(".second", ".third").replace(".first", ".second");
            next != **task && ledger.get(&next).is_some_and(|account| account.begun.last() == Some(generation))
        });
        assert!(!durable || counted.count() == 0, "{context}: {gone:?} are gone");
        lost += gone.len();
        place.check_finish(&context);
        // The finishing run had no shim, so all its data counts as synced.
        disk = Disk::default();
        sync_all(&place.path().join(".setup-tasks"), &mut disk);
    }
    println!("{times} losses of power, durable {durable}: {lost} stamps were lost");
    assert!(durable || times < 100 || lost > 0, "no loss of power ever lost a stamp: it tests nothing");
}

/// Records everything in the directory as synced.
fn sync_all(directory: &Path, disk: &mut Disk) {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (meta, path) = (entry.metadata().unwrap(), entry.path());
        if meta.is_dir() {
            sync_all(&path, disk);
        } else if meta.is_file() {
            disk.contents.insert(meta.ino(), fs::read(&path).unwrap());
            names.insert(entry.file_name().to_string_lossy().into_owned(), meta.ino());
        }
    }
    disk.names.insert(directory.to_owned(), names);
}

#[test]
#[cfg(target_os = "linux")]
fn a_power_loss_makes_no_stamp_untrue_and_loses_no_durable_stamp() {
    let times = setting("POWER_LOSSES", 20);
    std::thread::scope(|scope| {
        scope.spawn(|| lose_power(times, false, 5));
        scope.spawn(|| lose_power(times, true, 6));
    });
}

/// Returns the number in an installed file, or `None` if there is no such file. Fails if the file
/// is incomplete.
fn installed(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let number = text.lines().next().unwrap_or_default().parse();
    let number =
        number.unwrap_or_else(|_| panic!("`{}` is no file that was installed: {} bytes", file.display(), text.len()));
    assert!(text == format!("{number}\n").repeat(3000), "`{}` is half a file", file.display());
    Some(number)
}

#[test]
#[cfg(target_os = "linux")]
fn a_power_loss_leaves_installed_files_complete() {
    let (times, place) = (setting("POWER_LOSSES", 20), Trial::new(&[]));
    let (records, mut numbers, mut disk) = (tempfile::tempdir().unwrap(), Numbers::new(7), Disk::default());
    let (mut from, mut found) = (0, 0);
    for round in 0..times {
        for file in fs::read_dir(records.path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let mut command = place.command("install");
        command.env("FROM", from.to_string());
        command.env("LD_PRELOAD", shim()).env("SYNCED_ROOT", place.path()).env("SYNCED_RECORDS", records.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(10_000 + numbers.below(60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        disk.learn(records.path());
        let root = place.path().join("root");
        if root.exists() {
            disk.restore(&root, &mut numbers);
        }
        for name in ["f0", "f1", "f2"] {
            let number = installed(&root.join("etc/conf.d").join(name));
            let ledger = fs::read_to_string(place.path().join("ledger").join(name)).unwrap_or_default();
            let noted = ledger.lines().filter_map(|line| line.trim_end().parse::<u64>().ok()).max();
            assert!(number >= noted, "round {round}: {name} is of {number:?}, and that of {noted:?} was made");
            from = from.max(number.map_or(0, |number| number + 1));
            found += u64::from(number.is_some());
        }
        // The existing files count as synced for the next process.
        disk = Disk::default();
        if root.exists() {
            sync_all(&root, &mut disk);
        }
    }
    println!("{times} losses of power: {found} installed files were whole");
    assert!(found > times, "too few files were installed: it tests nothing");
}
