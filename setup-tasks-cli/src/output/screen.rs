//! The terminal that progress bars are drawn on.

use std::io;

use console::Term;
use indicatif::TermLike;

/// The terminal of the standard error. Errors are ignored, because the terminal may be closed at any time and `indicatif` panics
/// on an error.
#[derive(Debug)]
pub(super) struct Screen(Term);

impl Screen {
    pub(super) fn new() -> Self {
        Self(Term::buffered_stderr())
    }
}

/// Ignores the error of a drawing operation.
macro_rules! lenient {
    ($drawn:expr) => {{
        let _ = $drawn;
        Ok(())
    }};
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        lenient!(self.0.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        lenient!(self.0.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        lenient!(self.0.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        lenient!(self.0.move_cursor_left(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        lenient!(self.0.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        lenient!(self.0.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        lenient!(self.0.clear_line())
    }

    fn flush(&self) -> io::Result<()> {
        lenient!(self.0.flush())
    }
}
