//! Lines and blocks of text files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::machine::Machine;
use crate::protocol::Text;
use crate::resource::Resource;
use crate::resources::{Block, Line};

#[test]
fn a_line_is_added_once() {
    let mut machine = Machine::new();
    let line = Line::in_file("/hosts", "10.0.0.7 db");
    machine.brings(&line, &["/hosts: absent"]);
    machine.write("/hosts", "a\nb");
    machine.chmod("/hosts", 0o604);
    machine.brings(&line, &["/hosts: lacks the line"]);
    assert_eq!(machine.text("/hosts"), "a\nb\n10.0.0.7 db\n", "an incomplete last line is completed");
    assert_eq!(fs::metadata(machine.path("/hosts")).unwrap().permissions().mode() & 0o7777, 0o604);
    machine.undo(&line);
    assert_eq!(machine.text("/hosts"), "a\nb\n");
}

#[test]
fn a_line_takes_the_place_of_all_that_match() {
    let mut machine = Machine::new();
    let line = Line::in_file("/sshd", "PermitRootLogin no").matching("^#?PermitRootLogin ");
    for (old, new) in [
        ("#PermitRootLogin yes\nPort 22\nPermitRootLogin yes\n", "PermitRootLogin no\nPort 22\n"),
        ("Port 22\nPermitRootLogin no\nPermitRootLogin yes\n", "Port 22\nPermitRootLogin no\n"),
        ("Port 22\n", "Port 22\nPermitRootLogin no\n"),
    ] {
        machine.write("/sshd", old);
        machine.brings(&line, &["/sshd: lacks the line"]);
        assert_eq!(machine.text("/sshd"), new);
    }
}

#[test]
fn an_absent_line_is_removed_with_all_that_match() {
    let mut machine = Machine::new();
    machine.write("/cron", "keep\n\nbackup old\nbackup\n");
    machine.brings(&Line::in_file("/cron", "backup").absent(), &["/cron: has the line"]);
    assert_eq!(machine.text("/cron"), "keep\n\nbackup old\n");
    machine.brings(&Line::in_file("/cron", "").matching("^backup").absent(), &["/cron: has the line"]);
    assert_eq!(machine.text("/cron"), "keep\n\n");
    assert_eq!(machine.observe(&Line::in_file("/missing", "x").absent()), [""; 0]);
}

#[test]
fn a_line_break_and_a_bad_pattern_are_refused() {
    let mut machine = Machine::new();
    assert_eq!(machine.refuses(&Line::in_file("/f", "a\nb")), "cannot edit `/f`: the line contains a line break");
    assert!(
        machine
            .refuses(&Line::in_file("/f", "a").matching("("))
            .starts_with("cannot edit `/f`: the pattern cannot be read: ")
    );
    fs::write(machine.path("/f"), [0xff]).unwrap();
    assert_eq!(machine.refuses(&Line::in_file("/f", "a")), "cannot read `/f`: it is not UTF-8");
}

#[test]
fn an_edit_follows_a_link_and_keeps_it() {
    let mut machine = Machine::new();
    machine.write("/available/site", "a\n");
    fs::create_dir(machine.path("/enabled")).unwrap();
    symlink("../available/site", machine.path("/enabled/site")).unwrap();
    machine.brings(&Line::in_file("/enabled/site", "b"), &["/enabled/site: lacks the line"]);
    assert_eq!(machine.text("/available/site"), "a\nb\n");
    assert!(fs::symlink_metadata(machine.path("/enabled/site")).unwrap().is_symlink());
}

#[test]
fn a_block_is_added_replaced_and_removed() {
    let mut machine = Machine::new();
    let block = |text: &str| Block::in_file("/hosts", "site", text);
    machine.write("/hosts", "before\n");
    machine.brings(&block("1\n2\n"), &["/hosts: block site differs"]);
    machine.write("/hosts", &(machine.text("/hosts") + "after\n"));
    machine.brings(&block("3"), &["/hosts: block site differs"]);
    assert_eq!(machine.text("/hosts"), "before\n# BEGIN site\n3\n# END site\nafter\n");
    machine.undo(&block("anything"));
    assert_eq!(machine.text("/hosts"), "before\nafter\n");
}

#[test]
fn a_broken_block_is_refused_and_left_alone() {
    let mut machine = Machine::new();
    let block = Block::in_file("/f", "s", "x\n").comment(";");
    for (text, reason) in [
        ("; BEGIN s\nx\n", "it has the line `; BEGIN s`, but no `; END s`"),
        ("; END s\n", "it has the line `; END s`, but no `; BEGIN s`"),
        ("; BEGIN s\n; END s\n; BEGIN s\n; END s\n", "it has the line `; BEGIN s` twice"),
    ] {
        machine.write("/f", text);
        assert_eq!(machine.refuses(&block), format!("cannot edit `/f`: {reason}"));
    }
    assert!(machine.refuses(&Block::in_file("/f", "s", "# END s\n")).contains("its own marks"));
}

#[test]
fn only_the_owner_can_read_a_new_file_with_a_secret_line() {
    let mut machine = Machine::new();
    machine.apply(&Line::secret_in_file("/f", "hunter2")).unwrap();
    assert_eq!(machine.far.stat("/f").unwrap().unwrap().mode, 0o600);
}

#[test]
fn secret_texts_are_not_shown() {
    let mut machine = Machine::new();
    machine.write("/f", "a\n");
    for differences in [
        Line::secret_in_file("/f", "hunter2").observe(&mut machine.far),
        Block::in_file("/f", "s", Text::secret("hunter2")).observe(&mut machine.far),
    ] {
        let differences = differences.unwrap();
        assert!(differences[0].secret && !format!("{differences:?}").contains("hunter2"));
    }
}
