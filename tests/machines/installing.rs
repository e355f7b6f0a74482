//! Tests of templates on machines.

use std::sync::{Arc, Mutex};

use anyhow::Context;
use serde::Serialize;
use setup_tasks::error::explain;
use setup_tasks::{Layout, prelude::*};
use setup_tasks_machines::Machine;
use setup_tasks_templates::{FileAttributes, FileKind, FileStat, Filesystem, InstallTemplates, TemplateTask, template};
use setup_tasks_test::TestNetwork;
use test_kit::lines;

use crate::machine;

/// A model whose template is installed with an owner, once by names and once by numbers.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "owned")]
struct Owned {
    name: String,
    #[machine]
    #[serde(skip)]
    machine: Machine,
}

#[setup_tasks]
impl Owned {
    #[setup_task]
    const MOTD: TemplateTask = TemplateTask::new(template!("motd.tera")).output("srv/owned").mode(0o640);

    #[setup_task]
    const INSTALL: InstallTemplates<Self, Self> = InstallTemplates::own().owner("www-data").group("1234");
}

#[tokio::test]
async fn owner_and_group_are_set_and_drift_whether_given_by_name_or_by_number() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("web").boot().unwrap();
    let layout = Layout::in_memory().unwrap();
    let owned = layout.add(Owned { name: "web".to_owned(), machine: machine(&network, "web") }).unwrap();
    owned.run_setup_tasks().await.unwrap();
    let installed = || host.run("stat -c '%U %g %a' /srv/owned").unwrap();
    assert_eq!(installed(), "www-data 1234 640\n");
    assert!(owned.run_setup_tasks().verify().await.unwrap().is_up_to_date());
    // The number has a name now, which is the same group.
    host.run("groupadd -g 1234 pages").unwrap();
    assert!(owned.run_setup_tasks().verify().await.unwrap().is_up_to_date());

    host.run("chown root:root /srv/owned").unwrap();
    assert!(owned.run_setup_tasks().await.unwrap().is_up_to_date(), "stamps are trusted");
    let drifted = "install would run: srv/owned: owner root instead of www-data; srv/owned: group root instead of 1234";
    assert_eq!(lines(&owned.run_setup_tasks().dry_run().verify().await.unwrap())[1], drifted);
    owned.run_setup_tasks().verify().await.unwrap();
    assert_eq!(installed(), "www-data 1234 640\n");

    // An owner that the machine does not have is an error, and nothing is written.
    host.run("rm /srv/owned; userdel www-data").unwrap();
    let error = explain(&owned.run_setup_tasks().verify().await.unwrap_err());
    assert!(error.contains("cannot find the user `www-data`: the machine has no such user"), "{error}");
    assert_eq!(host.run("ls -A /srv").unwrap(), "packages\n");
}

#[tokio::test]
async fn the_state_of_a_file_has_owner_group_and_kind() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("web").boot().unwrap();
    host.run("echo hi >/srv/f; chown www-data:4711 /srv/f; chmod 4750 /srv/f; ln -s f /srv/l; mkfifo /srv/p").unwrap();
    let stats = Arc::<Mutex<Vec<FileStat>>>::default();
    let layout = Layout::in_memory().unwrap();
    let looking = layout.add(Looking { machine: machine(&network, "web"), stats: stats.clone() }).unwrap();
    looking.run_setup_tasks().await.unwrap();
    let stats = stats.lock().unwrap();
    let wanted = FileAttributes::new().mode(0o4750).owner("www-data").group("4711");
    assert_eq!((&stats[0].kind, stats[0].size, &stats[0].attributes), (&FileKind::File, 3, &wanted));
    assert_eq!(stats[0].numbers, Some((33, 4711)));
    assert_eq!(stats[1].kind, FileKind::Symlink("f".into()));
    assert_eq!(stats[1].attributes.owner.as_deref(), Some("root"));
    assert!(matches!(stats[2].kind, FileKind::Other(_)));
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "looking")]
struct Looking {
    machine: Machine,
    stats: Arc<Mutex<Vec<FileStat>>>,
}

#[setup_tasks]
impl Looking {
    #[setup_task("Look at files")]
    async fn look(&self, cx: &TaskContext) -> Result<()> {
        for path in ["srv/f", "srv/l", "srv/p"] {
            let stat = self.machine.stat(cx, path.as_ref()).await?.context("it exists")?;
            self.stats.lock().unwrap().push(stat);
        }
        Ok(())
    }
}

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "mail")]
struct Mail {
    name: Mutex<String>,
    #[machine]
    #[serde(skip)]
    machine: Machine,
}

#[setup_tasks]
impl Mail {
    #[setup_task]
    const MOTD: TemplateTask = TemplateTask::new(template!("motd.tera")).output("srv/motd");

    #[setup_task]
    const INSTALL: InstallTemplates<Mail, Mail> = InstallTemplates::own();
}

#[tokio::test]
async fn templates_are_installed_on_a_machine_and_drift_there() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("mail").boot().unwrap();
    let layout = Layout::in_memory().unwrap();
    let name = Mutex::new("mail".to_owned());
    let mail = layout.add(Mail { name, machine: machine(&network, "mail") }).unwrap();
    mail.run_setup_tasks().await.unwrap();
    let installed = || host.run("cat /srv/motd; stat -c %a /srv/motd").unwrap();
    assert_eq!(installed(), "Welcome to mail.\n644\n");
    assert!(mail.run_setup_tasks().verify().await.unwrap().is_up_to_date());

    host.run("echo edited >/srv/motd").unwrap();
    assert!(mail.run_setup_tasks().await.unwrap().is_up_to_date(), "stamps are trusted");
    let plan = mail.run_setup_tasks().diff().verify().await.unwrap();
    assert_eq!(lines(&plan), ["motd up to date", "install would run: srv/motd: content differs"]);
    assert_eq!(plan.task("install").unwrap().changes[0].before.as_deref(), Some("edited\n"));
    mail.run_setup_tasks().verify().await.unwrap();
    assert_eq!(installed(), "Welcome to mail.\n644\n");

    "the mail server".clone_into(&mut mail.name.lock().unwrap());
    mail.run_setup_tasks().await.unwrap();
    assert_eq!(installed(), "Welcome to the mail server.\n644\n");

    // A full disk is named, and the old file stays.
    host.run("mount -t tmpfs -o size=64k tmpfs /srv").unwrap();
    mail.run_setup_tasks().verify().await.unwrap();
    host.run("cat /dev/zero >/srv/fill 2>/dev/null || true").unwrap();
    "the full server".clone_into(&mut mail.name.lock().unwrap());
    let error = explain(&mail.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("cannot write `srv/motd`: No space left on device"), "{error}");
    assert!(error.contains("help: free some space on the machine"), "{error}");
    assert_eq!(host.run("cat /srv/motd; ls -A /srv").unwrap(), "Welcome to the mail server.\nfill\nmotd\n");
    host.run("umount /srv").unwrap();
    "the mail server".clone_into(&mut mail.name.lock().unwrap());

    // A planted link is replaced, and the file behind it stays.
    host.run("rm /srv/motd; mkdir /srv/real; ln -s /etc/passwd /srv/motd").unwrap();
    mail.run_setup_tasks().verify().await.unwrap();
    assert_eq!(installed(), "Welcome to the mail server.\n644\n");
    assert!(host.run("cat /etc/passwd").unwrap().starts_with("root:"));
}
