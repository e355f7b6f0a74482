//! Tests of the flat list of rows.

use setup_tasks::prelude::*;
use setup_tasks::{Customization, NewTask};

use super::*;
use crate::layout::Layout;
use crate::object::ResumePoint;
use crate::run::Options;
use crate::work::{Mode, RequestCx, WorkContext};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "machine")]
struct Machine;

#[setup_tasks]
impl Machine {
    #[setup_task("Install it")]
    fn install(&self) {}

    #[setup_task("Make it a site")]
    const SITE: Customization<Machine, Site> = Customization::new(|_| Site);

    #[setup_task("Start it")]
    fn start(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "site")]
struct Site;

#[setup_tasks]
impl Site {
    #[setup_task("Copy its pages")]
    fn copy(&self) {}

    #[setup_task("Encrypt it")]
    const TLS: Customization<Site, Tls> = Customization::new(|_| Tls);

    #[setup_task("Publish it")]
    fn publish(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "tls")]
struct Tls;

#[setup_tasks]
impl Tls {
    #[setup_task("Sign the certificate")]
    fn sign(&self) {}
}

/// Walks over the rows, and returns their stamp names. A customization that ends is `-` with its
/// name. `at` is called at each row.
fn walk(options: &Options, at: impl Fn(&Object<Machine>, &str)) -> Vec<String> {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine).unwrap();
    let (work, resume) = (WorkContext::default(), ResumePoint::default());
    let cx = RequestCx::of(&work, Mode::Apply);
    let scope = RunScope { object: machine.as_dyn(), options, progress: None, resume, cx, caller: None };
    let (mut rows, mut names) = (Rows::new(&scope), Vec::new());
    loop {
        let FrameRows { frame, order, next, end, .. } = rows.innermost();
        if *next < *end {
            let (row, object) = (order.row(*next), frame.object.clone());
            let name = object.stamp_name(row);
            names.push(name.to_owned());
            at(&machine, name);
            rows.advance();
            if object.category(row) == TaskCategory::Customization {
                let inner = scope.customization_frame(rows.frame(), row, object.customization(row).unwrap());
                rows.enter(inner, &scope);
                continue;
            }
        } else {
            let Some(row) = rows.leave() else { return names };
            names.push(format!("-{}", rows.frame().object.stamp_name(row)));
        }
        rows.refresh(&scope);
    }
}

#[test]
fn the_rows_of_customizations_are_spliced_in_after_their_own_row() {
    let names = walk(&Options::default(), |_, _| {});
    let site = ["site", "site.copy", "site.tls", "site.tls.sign", "-site.tls", "site.publish", "-site"];
    assert_eq!(names, [&["install"], &site[..], &["start"]].concat());
}

#[test]
fn a_row_that_is_added_during_the_walk_comes_at_its_place() {
    let names = walk(&Options::default(), |machine, name| {
        if name == "site.tls.sign" {
            let task = NewTask::new("check", "Check it", |_: TaskContext| async {});
            machine.add_setup_task(task.before("start")).unwrap();
        }
    });
    assert_eq!(names[7..], ["-site", "check", "start"]);
}

#[test]
fn the_list_ends_with_the_last_task_of_the_options_and_its_customization() {
    let options = Options { stop_after: Some("site".into()), ..Options::default() };
    let names = walk(&options, |_, _| {});
    assert_eq!(names.last().map(String::as_str), Some("-site"));
}

#[test]
fn a_list_that_starts_again_begins_at_the_first_row_of_the_host() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine).unwrap();
    let (work, resume, options) = (WorkContext::default(), ResumePoint::default(), Options::default());
    let cx = RequestCx::of(&work, Mode::Apply);
    let scope = RunScope { object: machine.as_dyn(), options: &options, progress: None, resume, cx, caller: None };
    let mut rows = Rows::new(&scope);
    rows.advance();
    rows.advance();
    assert_eq!(rows.follower(), machine.as_dyn().row("start"));
    rows.restart();
    assert_eq!(rows.follower(), machine.as_dyn().row("install"));
}
