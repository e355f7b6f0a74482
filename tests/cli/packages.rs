//! Tests of the crates as they are published.

use std::fmt::Write;
use std::path::PathBuf;

use crate::book::{Shelf, follow, root, run};

/// Packages the crates of the workspace, unpacks them into the shelf, and returns the directory of each with its name.
fn unpack(shelf: &Shelf) -> Vec<(String, PathBuf)> {
    let is_published = |name: &str| name.starts_with("setup-tasks");
    let folders = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = folders.filter(|name| is_published(name)).collect();
    let mut command = String::from("cargo package --offline --no-verify --allow-dirty");
    names.iter().for_each(|name| write!(command, " -p {name}").unwrap());
    let target = root().join("target/packages");
    let (packaged, said) = run(&format!("{command} --target-dir '{}'", target.display()), root(), &[]);
    assert!(packaged && !said.contains("warning"), "{said}");
    let registry = shelf.folder("registry");
    let unpack = |name: String| {
        let crate_file = target.join(format!("package/{name}-{}.crate", env!("CARGO_PKG_VERSION")));
        let (unpacked, said) = run(&format!("tar -xmzf '{}'", crate_file.display()), &registry, &[]);
        assert!(unpacked, "{said}");
        let path = registry.join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
        let has = |file: &str| path.join(file).is_file();
        assert!(["LICENSE-MIT", "LICENSE-APACHE", "README.md", "src/lib.rs"].into_iter().all(has), "{name}");
        (name, path)
    };
    names.into_iter().map(unpack).collect()
}

/// Returns a page with the manifest that a reader writes after the release.
fn released(page: &str) -> String {
    let dependency = |line: &str| match line.split_once(" = { path = \"../setup-tasks/") {
        Some((name, _)) => format!("{name} = \"0.1\"\n"),
        None => format!("{line}\n"),
    };
    page.lines().map(dependency).collect()
}

#[test]
fn the_smallest_project_is_built_from_the_packaged_crates_alone() {
    let shelf = Shelf::new();
    let crates = unpack(&shelf);
    let folder = shelf.folder("released");
    std::fs::create_dir(folder.join(".cargo")).unwrap();
    let patches = crates.iter().map(|(name, path)| format!("{name} = {{ path = '{}' }}\n", path.display()));
    let config = format!("[patch.crates-io]\n{}", patches.collect::<String>());
    std::fs::write(folder.join(".cargo/config.toml"), config).unwrap();
    let page = std::fs::read_to_string(root().join("docs/src/smallest.md")).unwrap();
    let page = released(&page);
    assert!(page.contains("setup-tasks = \"0.1\"\nsetup-tasks-cli = \"0.1\"\n"), "{page}");
    follow(&folder, "smallest.md, released", &page, &[]);
}

#[test]
fn every_binary_of_the_workspace_has_a_name_of_its_own() {
    // Binaries of one name replace each other in the target directory.
    let metadata = run("cargo metadata --offline --no-deps --format-version 1 2>/dev/null", root(), &[]).1;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let binaries = targets.filter(|target| target["kind"][0] == "bin").map(|target| target["name"].as_str().unwrap());
    let mut names: Vec<_> = binaries.collect();
    names.sort_unstable();
    assert!(names.len() > 20, "{names:?}");
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
