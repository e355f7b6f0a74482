//! Tests of templates on machines.

use std::sync::Mutex;

use serde::Serialize;
use setup_tasks::{Layout, prelude::*};
use setup_tasks_machines::Machine;
use setup_tasks_templates::{InstallTemplates, TemplateTask, template};
use setup_tasks_test::TestNetwork;
use test_kit::lines;

use crate::machine;

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

    // A planted link is replaced, and the file behind it stays.
    host.run("rm /srv/motd; mkdir /srv/real; ln -s /etc/passwd /srv/motd").unwrap();
    mail.run_setup_tasks().verify().await.unwrap();
    assert_eq!(installed(), "Welcome to the mail server.\n644\n");
    assert!(host.run("cat /etc/passwd").unwrap().starts_with("root:"));
}
