//! The page that shows all of the fleet.

use std::fmt::Write;

use lab_authority::whole_file;
use setup_tasks::prelude::*;
use setup_tasks_machines::resources::File;
use setup_tasks_machines::{Ensure, Machine};

use crate::database::Database;
use crate::host::Host;
use crate::web::Web;

/// A page about the fleet, on its web server.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "dashboard")]
pub struct Dashboard {
    #[machine]
    pub machine: Machine,
    #[depends_on(Host::PACKAGES)]
    pub hosts: Vec<Object<Host>>,
    #[depends_on(Database::backup)]
    pub database: Object<Database>,
    #[depends_on(Web::RELOAD)]
    pub web: Object<Web>,
}

#[setup_tasks]
impl Dashboard {
    #[setup_task("Look at all machines", hash = inventory)]
    async fn survey(&self, cx: &TaskContext) -> Result<()> {
        let mut page = String::from("<h2>Machines</h2>\n<table>\n");
        for host in &self.hosts {
            let facts = host.machine.facts().await?;
            let system = format!("{} {}, Linux {}", facts.os, facts.os_version, facts.kernel_release);
            page += &row([&host.spec.name, host.spec.behind.as_deref().unwrap_or("–"), &system]);
        }
        page += "</table>\n";
        page += &self.inventory();
        if self.database.host.is_machine() {
            let list = self.database.machine.command(cx, "ls").arg("/var/backups/fleet").output().await?;
            let count = self.database.machine.command(cx, "runuser");
            let count = count.args(["-u", "postgres", "--", "psql", "-qtA", "-c", "SELECT count(*) FROM products"]);
            let count = count.arg(&self.database.spec.name).directory("/").output().await?;
            let _ = writeln!(page, "<p>{} products, {} backups</p>", count.trim(), list.lines().count());
        }
        whole_file::write(&cx.stamp_path()?.join("survey.html"), &page, 0o644)
    }

    /// Returns what the inventory contributes to the page.
    fn inventory(&self) -> String {
        let mut text = String::new();
        let Some(host) = self.hosts.first() else { return text };
        text += "<h2>Users</h2>\n<table>\n";
        for user in &host.users {
            text += &row([&user.name, &user.full_name, if user.sudo { "may become root" } else { "" }]);
        }
        text += "</table>\n<h2>Kernel</h2>\n<table>\n";
        host.sysctl.iter().for_each(|(key, value)| text += &row([key, value, ""]));
        let database = &self.database.spec;
        text += "</table>\n<h2>Packages and database</h2>\n<table>\n";
        text += &row(["packages", &host.packages.join(", "), ""]);
        text += &row(["database", &database.name, &format!("backup at {}", database.backup)]);
        text + "</table>\n"
    }

    /// Publish the page
    #[setup_task(subscribe = [survey])]
    const PAGE: Ensure<Self, File> = Ensure::with(|dashboard, cx| {
        let survey = cx.stamp_path()?.join("survey.html");
        if !survey.exists() {
            return Ok(None);
        }
        let web = &dashboard.web;
        let page = format!(
            "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<h1>{0}</h1>\n{1}",
            escape(&web.name),
            whole_file::read(&survey)?
        );
        Ok(Some(web.host.file(&format!("{}/index.html", web.pages)).content(page).mode(0o644)))
    });

    #[setup_task("See whether it answers", subscribe = [Self::web_reload, PAGE])]
    async fn answers(&self, cx: &TaskContext) -> Result<()> {
        if self.web.host.is_machine() {
            let name = &self.web.name;
            let curl = self.machine.command(cx, "curl").args(["-fsS", "--cacert", "/etc/nginx/tls/authority.pem"]);
            let curl = curl.args(["--resolve", &format!("{name}:443:127.0.0.1"), &format!("https://{name}/")]);
            anyhow::ensure!(curl.output().await?.contains("<h1>"), "the page of {name} is another one");
        }
        Ok(())
    }
}

/// Returns a row of a table.
fn row(cells: [&str; 3]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
    format!("<tr>{cells}</tr>\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
