//! Simulated accounts, in the files of the system.

use setup_tasks_agent::far::ProgramOutput;

use super::disk::Disk;
use super::programs::failure;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const SHADOW: &str = "/etc/shadow";

/// The accounts, groups and passwords of a new machine.
pub(super) const ACCOUNTS: [&str; 3] = [
    "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
    "root:x:0:\nadm:x:4:\nsudo:x:27:\nwww-data:x:33:\n",
    "root:*:19000:0:99999:7:::\n",
];

/// Returns whether a file of accounts has a line with this name.
pub(super) fn has(disk: &Disk, file: &str, name: &str) -> bool {
    lines(disk, file).iter().any(|line| line[0] == name)
}

/// The lines of a file of accounts, by their fields.
fn lines(disk: &Disk, file: &str) -> Vec<Vec<String>> {
    let text = disk.read(file).unwrap_or_default();
    text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

fn save(disk: &Disk, file: &str, lines: &[Vec<String>]) {
    disk.write(file, &lines.iter().map(|line| line.join(":") + "\n").collect::<String>());
}

/// The arguments of a program.
struct Args<'a> {
    options: Vec<(&'a str, &'a str)>,
    flags: Vec<&'a str>,
    name: &'a str,
}

impl<'a> Args<'a> {
    /// Reads arguments whose last word is a name. Each option in `valued` has a value.
    fn parse(args: &[&'a str], valued: &[&str]) -> Option<Self> {
        let (name, args) = args.split_last()?;
        let (mut options, mut flags) = (Vec::new(), Vec::new());
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if valued.contains(arg) { options.push((*arg, *args.next()?)) } else { flags.push(*arg) }
        }
        Some(Self { options, flags, name })
    }

    fn get(&self, option: &str) -> Option<&'a str> {
        self.options.iter().find(|(name, _)| *name == option).map(|(_, value)| *value)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }
}

/// Runs a program that changes accounts, or returns `None` for another one.
pub(super) fn change(disk: &Disk, program: &str, args: &[&str], input: &[u8]) -> Option<ProgramOutput> {
    let of_user = ["--groups", "--uid", "--gid", "--shell", "--home-dir", "--home", "--comment"];
    let done = match program {
        "useradd" => add_user(disk, &Args::parse(args, &of_user)?),
        "usermod" => change_user(disk, &Args::parse(args, &of_user)?),
        "userdel" => {
            let args = Args::parse(args, &[])?;
            if args.has("--remove") {
                let home = lines(disk, PASSWD).into_iter().find(|line| line[0] == args.name);
                // A home directory that was never made is removed already.
                let _ = home.map(|line| std::fs::remove_dir_all(disk.at(&line[5])));
            }
            set_groups(disk, args.name, &[]);
            remove(disk, SHADOW, args.name, 0).and_then(|()| remove(disk, PASSWD, args.name, 6))
        }
        "groupadd" => {
            let args = Args::parse(args, &["--gid"])?;
            add_group(disk, args.name, args.get("--gid"), args.has("--system"))
        }
        "groupmod" => {
            let args = Args::parse(args, &["--gid"])?;
            set(disk, GROUP, args.name, 2, args.get("--gid"))
        }
        "groupdel" => remove(disk, GROUP, args.last()?, 6),
        "chpasswd" => set_passwords(disk, &String::from_utf8_lossy(input)),
        _ => return None,
    };
    Some(match done {
        Ok(()) => ProgramOutput::success(""),
        Err((code, text)) => failure(code, format!("{program}: {text}\n")),
    })
}

type Done = Result<(), (i32, String)>;

fn add_user(disk: &Disk, args: &Args<'_>) -> Done {
    if has(disk, PASSWD, args.name) {
        return Err((9, format!("user '{}' already exists", args.name)));
    }
    let uid = args.get("--uid").map_or_else(|| free(disk, PASSWD, args.has("--system")), str::to_owned);
    let gid = match args.get("--gid") {
        Some(group) => gid(disk, group)?,
        None => {
            add_group(disk, args.name, None, args.has("--system"))?;
            gid(disk, args.name)?
        }
    };
    let home = args.get("--home-dir").map_or_else(|| format!("/home/{}", args.name), str::to_owned);
    if args.has("--create-home") {
        let _ = std::fs::create_dir_all(disk.at(&home));
    }
    let shell = args.get("--shell").unwrap_or("/bin/sh");
    let comment = args.get("--comment").unwrap_or_default();
    let line = [args.name, "x", &uid, &gid, comment, &home, shell].map(str::to_owned).to_vec();
    save(disk, PASSWD, &[lines(disk, PASSWD), vec![line]].concat());
    disk.edit(SHADOW, |shadow| format!("{shadow}{}:!:19000:0:99999:7:::\n", args.name));
    if let Some(groups) = args.get("--groups") {
        set_groups(disk, args.name, &groups.split(',').collect::<Vec<_>>());
    }
    Ok(())
}

fn change_user(disk: &Disk, args: &Args<'_>) -> Done {
    for (option, field) in [("--uid", 2), ("--comment", 4), ("--home", 5), ("--shell", 6)] {
        set(disk, PASSWD, args.name, field, args.get(option))?;
    }
    if let Some(group) = args.get("--gid") {
        set(disk, PASSWD, args.name, 3, Some(&gid(disk, group)?))?;
    }
    if let Some(groups) = args.get("--groups") {
        set_groups(disk, args.name, &groups.split(',').collect::<Vec<_>>());
    }
    Ok(())
}

fn add_group(disk: &Disk, name: &str, gid: Option<&str>, system: bool) -> Done {
    if has(disk, GROUP, name) {
        return Err((9, format!("group '{name}' already exists")));
    }
    let gid = gid.map_or_else(|| free(disk, GROUP, system), str::to_owned);
    disk.edit(GROUP, |groups| format!("{groups}{name}:x:{gid}:\n"));
    Ok(())
}

/// Returns the number of a group, by its name or in digits.
fn gid(disk: &Disk, group: &str) -> Result<String, (i32, String)> {
    let found =
        lines(disk, GROUP).into_iter().find(|line| line[0] == group || line.get(2).is_some_and(|gid| gid == group));
    found.map(|line| line[2].clone()).ok_or_else(|| (6, format!("group '{group}' does not exist")))
}

/// Returns a free number.
fn free(disk: &Disk, file: &str, system: bool) -> String {
    let used: Vec<u32> = lines(disk, file).iter().filter_map(|line| line.get(2)?.parse().ok()).collect();
    let mut range = if system { 100..1000 } else { 1000..60000 };
    range.find(|id| !used.contains(id)).unwrap_or(60000).to_string()
}

/// Sets a field of a line, if there is a value.
fn set(disk: &Disk, file: &str, name: &str, field: usize, value: Option<&str>) -> Done {
    let mut lines = lines(disk, file);
    let line = lines.iter_mut().find(|line| line[0] == name && line.len() > field);
    let line = line.ok_or_else(|| (6, format!("'{name}' does not exist")))?;
    if let Some(value) = value {
        value.clone_into(&mut line[field]);
        save(disk, file, &lines);
    }
    Ok(())
}

/// Removes a line. A missing one fails with this code, unless it is 0.
fn remove(disk: &Disk, file: &str, name: &str, code: i32) -> Done {
    let mut lines = lines(disk, file);
    let before = lines.len();
    lines.retain(|line| line[0] != name);
    if lines.len() == before && code != 0 {
        return Err((code, format!("'{name}' does not exist")));
    }
    save(disk, file, &lines);
    Ok(())
}

/// Makes an account a member of exactly these groups.
fn set_groups(disk: &Disk, user: &str, groups: &[&str]) {
    let mut lines = lines(disk, GROUP);
    for line in lines.iter_mut().filter(|line| line.len() > 3) {
        let mut members: Vec<_> = line[3].split(',').filter(|member| !member.is_empty() && *member != user).collect();
        if groups.contains(&&*line[0]) {
            members.push(user);
        }
        line[3] = members.join(",");
    }
    save(disk, GROUP, &lines);
}

fn set_passwords(disk: &Disk, input: &str) -> Done {
    for (name, password) in input.lines().filter_map(|line| line.split_once(':')) {
        set(disk, SHADOW, name, 1, Some(password))?;
    }
    Ok(())
}
