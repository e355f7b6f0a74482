//! Former spellings of the command line. Each is an error that names the present spelling.

use setup_tasks::Result;

use crate::args::RunArgs;
use crate::exit::UsageError;

/// Returns an error if an argument has a former spelling.
pub(crate) fn refuse(args: &RunArgs) -> Result<()> {
    if !args.filter.include.is_empty() {
        return gone(
            "`--include`",
            &format!("name the objects without it, as in `up {}`", words(&args.filter.include)),
        );
    }
    if args.exec.keep_going {
        return gone("`--keep-going`", "leave it out: a run continues after a failure unless it has `--fail-fast`");
    }
    Ok(())
}

/// Returns the error for the command `force`.
pub(crate) fn force(rest: &[String]) -> Result<()> {
    gone("the command `force`", &format!("write `up --force {}`", words(rest)))
}

fn gone(what: &str, help: &str) -> Result<()> {
    Err(UsageError::new(format!("{what} no longer exists"), help).into())
}

/// Returns arguments as a user would type them.
fn words(args: &[String]) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    let word = |arg: &String| if arg.chars().all(is_plain) { arg.clone() } else { format!("'{arg}'") };
    args.iter().map(word).collect::<Vec<_>>().join(" ")
}
