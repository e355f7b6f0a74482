//! The resources as input of the other tools.

use serde_json::{Map, Value, json};

use super::site::{Data, Login};

/// Returns the playbook of Ansible. Its core has no module for settings of the kernel, so it edits their files.
pub fn ansible(data: &Data) -> Value {
    let mut tasks = Vec::new();
    let mut task = |name: &str, module: &str, args: Value| {
        tasks.push(json!({ "name": format!("{module} {name}"), (format!("ansible.builtin.{module}")): args }));
    };
    for name in &data.groups {
        task(name, "group", json!({ "name": name }));
    }
    for Login { name, group, .. } in &data.users {
        task(name, "user", json!({ "name": name, "group": group, "shell": "/bin/bash" }));
    }
    for Login { name, key, .. } in &data.users {
        let path = format!("/home/{name}/.ssh/authorized_keys");
        task(&path, "lineinfile", json!({ "path": path, "create": true, "owner": name, "mode": "0600", "line": key }));
    }
    for path in &data.directories {
        task(path, "file", json!({ "path": path, "state": "directory", "mode": "0755", "owner": "root" }));
    }
    for (path, content) in &data.files {
        task(path, "copy", json!({ "content": content, "dest": path, "mode": "0644", "owner": "root" }));
    }
    for (path, target) in &data.links {
        task(path, "file", json!({ "path": path, "src": target, "state": "link" }));
    }
    for line in &data.lines {
        task(line, "lineinfile", json!({ "path": "/etc/hosts", "line": line }));
    }
    for package in &data.packages {
        task(package, "apt", json!({ "name": package }));
    }
    for (key, value, path) in &data.settings {
        task(key, "lineinfile", json!({ "path": path, "create": true, "line": format!("{key} = {value}") }));
    }
    json!([{ "hosts": "all", "gather_facts": false, "tasks": tasks }])
}

/// Returns the configuration of forjar. It has no resource for groups, lines and settings, so that scripts take their places.
pub fn forjar(data: &Data, machines: &Map<String, Value>) -> Value {
    let names: Vec<_> = machines.keys().collect();
    let mut resources = Map::new();
    let mut resource = |name: String, kind: &str, mut fields: Value| {
        fields["type"] = kind.into();
        fields["machine"] = json!(names);
        resources.insert(name, fields);
    };
    let script = |check: String, apply: String| json!({ "command": apply, "completion_check": check });
    for name in &data.groups {
        resource(format!("group-{name}"), "task", script(format!("getent group {name}"), format!("groupadd {name}")));
    }
    for Login { name, group, key } in &data.users {
        let fields = json!({ "name": name, "groups": [group], "shell": "/bin/bash", "home": format!("/home/{name}"), "ssh_authorized_keys": [key] });
        resource(format!("user-{name}"), "user", fields);
    }
    for (i, path) in data.directories.iter().enumerate() {
        let fields = json!({ "path": path, "state": "directory", "mode": "0755", "owner": "root" });
        resource(format!("directory-{i}"), "file", fields);
    }
    for (i, (path, content)) in data.files.iter().enumerate() {
        let fields = json!({ "path": path, "state": "file", "content": content, "mode": "0644", "owner": "root" });
        resource(format!("file-{i}"), "file", fields);
    }
    for (i, (path, target)) in data.links.iter().enumerate() {
        resource(format!("link-{i}"), "file", json!({ "path": path, "state": "symlink", "target": target }));
    }
    for (i, line) in data.lines.iter().enumerate() {
        resource(
            format!("line-{i}"),
            "task",
            script(format!("grep -qxF '{line}' /etc/hosts"), format!("echo '{line}' >>/etc/hosts")),
        );
    }
    for package in &data.packages {
        resource(format!("package-{package}"), "package", json!({ "provider": "apt", "packages": [package] }));
    }
    for (key, value, path) in &data.settings {
        let check = format!("grep -qx '{key} = {value}' {path} && [ $(sysctl -n {key}) = {value} ]");
        let name = format!("setting-{}", key.replace('.', "-"));
        resource(name, "task", script(check, format!("echo '{key} = {value}' >{path} && sysctl -qw {key}={value}")));
    }
    json!({ "version": "1.0", "name": "site", "machines": machines, "resources": resources })
}
