//! Every block of Rust in the book is a test of this crate: `cargo test -p setup-tasks-book`.
#![expect(clippy::doc_markdown, reason = "a book names programs as people do")]

macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        $(#[doc = include_str!(concat!("src/", $path))] mod $name {})*
    };
}

pages! {
    index = "index.md";
    smallest = "smallest.md";
    tutorial = "tutorial.md";
    first_machines = "first-machines.md";
    tasks = "how-to/tasks.md";
    order = "how-to/order.md";
    again = "how-to/again.md";
    handlers = "how-to/handlers.md";
    dependencies = "how-to/dependencies.md";
    mixins = "how-to/mixins.md";
    overriding = "how-to/override.md";
    customizing = "how-to/customizing.md";
    injection = "how-to/injection.md";
    templates = "how-to/templates.md";
    commands = "how-to/commands.md";
    machines = "how-to/machines.md";
    agents = "how-to/agents.md";
    guarded = "how-to/guarded.md";
    sudo = "how-to/sudo.md";
    ssh = "how-to/ssh.md";
    resources = "how-to/resources.md";
    resources_files = "how-to/resources-files.md";
    resources_packages = "how-to/resources-packages.md";
    resources_accounts = "how-to/resources-accounts.md";
    resources_services = "how-to/resources-services.md";
    resources_system = "how-to/resources-system.md";
    write_a_resource = "how-to/write-a-resource.md";
    fleets = "how-to/fleets.md";
    rolling = "how-to/rolling.md";
    command_line = "how-to/command-line.md";
    browser = "how-to/browser.md";
    explaining = "how-to/explaining.md";
    reviewing = "how-to/reviewing.md";
    drift = "how-to/drift.md";
    project = "how-to/project.md";
    completion = "how-to/completion.md";
    diagrams = "how-to/diagrams.md";
    events = "how-to/events.md";
    telemetry = "how-to/telemetry.md";
    inspecting = "how-to/inspecting.md";
    taking_down = "how-to/taking-down.md";
    renaming = "how-to/renaming.md";
    operators = "how-to/operators.md";
    upgrading = "how-to/upgrading.md";
    results = "how-to/results.md";
    contexts = "how-to/contexts.md";
    secrets = "how-to/secrets.md";
    testing = "how-to/testing.md";
    configuring = "how-to/configuring.md";
    keys = "keys.md";
    rules = "rules.md";
    reliability = "reliability.md";
    machines_promises = "machines-promises.md";
    formats = "formats.md";
    others = "comparison/others.md";
    site = "comparison/site.md";
    server = "comparison/server.md";
    make = "comparison/make.md";
    ansible = "comparison/ansible.md";
    pyinfra = "comparison/pyinfra.md";
    terraform = "comparison/terraform.md";
    carthage = "comparison/carthage.md";
}
