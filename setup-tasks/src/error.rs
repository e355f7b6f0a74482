//! Help for errors, and the text of an error with its causes.
//!
//! The `Display` of each error of this crate is one line, which does not repeat its source. Advice
//! for the user is in the method `help` of the error. The command line of `setup-tasks-cli` prints
//! an error, its causes, and the help of each. A program without it does the same with [`explain`],
//! or with [`help_of`] for each cause:
//!
//! ```
//! use setup_tasks::error::{explain, help_of};
//! use setup_tasks::{Layout, prelude::*};
//!
//! # #[derive(SetupTasks)]
//! # #[setup_tasks(subdir = "hosts/gateway")]
//! # struct Host;
//! # #[setup_tasks]
//! # impl Host {
//! #     #[setup_task("Turn it on")]
//! #     fn turn_on(&self) {}
//! # }
//! fn build(layout: &Layout) -> Result<()> {
//!     layout.add(Host)?;
//!     layout.add(Host)?;
//!     Ok(())
//! }
//!
//! # fn main() -> Result<()> {
//! let layout = Layout::in_memory()?;
//! let error = build(&layout).unwrap_err();
//! assert_eq!(format!("{error:#}"), "two objects have the id `hosts/gateway`: a Host and a Host");
//! assert_eq!(help_of(error.as_ref()).unwrap(), "give one of them another id");
//!
//! let text = explain(error.as_ref()); // what `main` can print
//! assert!(text.ends_with("a Host and a Host\nhelp: give one of them another id"));
//! # Ok(()) }
//! ```
//!
//! [`error_help!`](crate::error_help) does the same for the errors of other crates.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::iter::successors;
use std::sync::Arc;

/// The access to the method `help` of one type of errors. [`error_help!`](crate::error_help)
/// registers it.
#[doc(hidden)]
#[derive(Debug)]
pub struct HelpOf(Help);

type Help = for<'e> fn(&'e (dyn Error + 'static)) -> Option<Cow<'e, str>>;

impl HelpOf {
    /// Wraps a function that returns `None` for errors of other types.
    pub const fn new(help: Help) -> Self {
        Self(help)
    }
}

inventory::collect!(HelpOf);

/// A text that the method `help` of an error can return.
#[doc(hidden)]
pub trait IntoHelp<'e> {
    /// Converts the text.
    fn into_help(self) -> Option<Cow<'e, str>>;
}

impl<'e> IntoHelp<'e> for Cow<'e, str> {
    fn into_help(self) -> Option<Cow<'e, str>> {
        Some(self)
    }
}

impl<'e> IntoHelp<'e> for &'e str {
    fn into_help(self) -> Option<Cow<'e, str>> {
        Some(self.into())
    }
}

impl<'e> IntoHelp<'e> for String {
    fn into_help(self) -> Option<Cow<'e, str>> {
        Some(self.into())
    }
}

impl<'e, T: IntoHelp<'e>> IntoHelp<'e> for Option<T> {
    fn into_help(self) -> Option<Cow<'e, str>> {
        self.and_then(T::into_help)
    }
}

/// Makes the method `help` of errors known to [`help_of`](crate::error::help_of), and thereby to
/// the command line. The method returns a text or an `Option` of it: `&str`, `String` or `Cow<str>`.
///
/// ```
/// #[derive(Debug, thiserror::Error)]
/// enum DiskError {
///     #[error("the disk {device} has {sectors} bad sectors")]
///     Bad { device: String, sectors: u64 },
/// }
///
/// impl DiskError {
///     fn help(&self) -> Option<String> {
///         let Self::Bad { device, .. } = self;
///         Some(format!("replace it: `lsblk -o NAME,SERIAL {device}` shows its serial number"))
///     }
/// }
///
/// setup_tasks::error_help!(DiskError);
///
/// let error = anyhow::Error::new(DiskError::Bad { device: "/dev/sdb".into(), sectors: 9 }).context("cannot format");
/// let text = setup_tasks::error::explain(error.as_ref());
/// assert!(text.starts_with("cannot format: the disk /dev/sdb has 9 bad sectors\nhelp: replace it"));
/// ```
#[macro_export]
macro_rules! error_help {
    ($($error:ty),+ $(,)?) => {
        $(
            $crate::__private::inventory::submit! {
                $crate::__private::HelpOf::new(|error| {
                    $crate::__private::IntoHelp::into_help(<$error>::help(error.downcast_ref()?))
                })
            }
        )+
    };
}

/// Returns the help of an error, without that of its causes. Returns `None` if the error has none,
/// or if its type is not registered with [`error_help!`](crate::error_help). An error of the
/// operating system has the help of the error that it wraps.
pub fn help_of<'e>(error: &'e (dyn Error + 'static)) -> Option<Cow<'e, str>> {
    // These have the text and the source of the error that they contain, so the chain does not
    // contain that error itself.
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().and_then(|error| help_of(error));
    }
    if let Some(error) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return help_of(&**error);
    }
    inventory::iter::<HelpOf>().find_map(|of| (of.0)(error))
}

/// Returns an error with its causes, separated by colons, and then a line `help: …` for each help
/// among them.
///
/// See the [module](self) for an example.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let causes = || successors(Some(error), |&error| error.source());
    for cause in causes().skip(1) {
        let cause_text = cause.to_string();
        // Several lines of another program stand below the error.
        let is_below = cause.is::<Excerpt>() && cause_text.contains('\n');
        text += if is_below { "\n" } else { ": " };
        text += &cause_text;
    }
    let mut helps: Vec<Cow<'_, str>> = Vec::new();
    for help in causes().filter_map(help_of) {
        if !helps.contains(&help) {
            text += "\nhelp: ";
            text += &help;
            helps.push(help);
        }
    }
    text
}

/// The last lines that another program wrote, or the report of a library about a file. It is the
/// last cause of an error and may have several lines.
///
/// ```
/// use setup_tasks::error::Excerpt;
///
/// assert_eq!(Excerpt::new("ls: cannot access 'share'\n").unwrap().as_str(), "ls: cannot access 'share'");
/// assert!(Excerpt::new(" \n").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Excerpt(String);

impl Excerpt {
    /// Returns the text without white space at its end, or `None` if it is blank.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let mut text = text.into();
        text.truncate(text.trim_end().len());
        Some(Self(text)).filter(|excerpt| !excerpt.0.is_empty())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Error for Excerpt {}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it is full")]
    struct Full;

    impl Full {
        fn help(_: &Self) -> &'static str {
            "empty it"
        }
    }

    crate::error_help!(Full);

    #[test]
    fn help_is_found_through_what_hides_an_error() {
        let wrapped = io::Error::other(Full);
        assert_eq!(help_of(&wrapped).as_deref(), Some("empty it"));
        let shared: Arc<dyn Error + Send + Sync> = Arc::new(wrapped);
        assert_eq!(help_of(&shared).as_deref(), Some("empty it"));
        let in_context = anyhow::Error::new(Full).context("one").context("two");
        assert_eq!(in_context.chain().filter_map(help_of).count(), 1);
        assert_eq!(help_of(&fmt::Error), None);
    }

    #[test]
    fn an_excerpt_of_several_lines_stands_below_its_error() {
        let text = |excerpt: &str| {
            let excerpt = Excerpt::new(excerpt).unwrap();
            explain(anyhow::Error::new(excerpt).context("`ls` ended").as_ref())
        };
        assert_eq!(text("no such file\n"), "`ls` ended: no such file");
        assert_eq!(text("one\ntwo\n"), "`ls` ended\none\ntwo");
    }

    #[test]
    fn the_same_help_appears_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0} of them")]
        struct Many(u32, #[source] Full);

        impl Many {
            fn help(&self) -> Option<String> {
                (self.0 > 1).then(|| Full::help(&self.1).to_owned())
            }
        }

        crate::error_help!(Many);

        assert_eq!(explain(&Many(3, Full)), "3 of them: it is full\nhelp: empty it");
    }
}
