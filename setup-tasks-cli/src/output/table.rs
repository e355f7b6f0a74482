//! Tables and texts that fit the width of the terminal.

use std::fmt::Write;
use std::sync::OnceLock;

use anstyle::Style;
use console::{Term, measure_text_width, truncate_str};

use super::{PLAIN, line, printable};

/// The gap between two columns.
const GAP: usize = 2;
/// The width that a wrapped text has at least. A text with less space starts on a line of its own.
const NARROW: usize = 24;
/// The width to which a column with descriptions can shrink.
const SHRUNK: usize = 16;

/// A cell of a table.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self::styled(PLAIN, text)
    }

    pub(crate) fn styled(style: Style, text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()).into_owned(), style }
    }
}

/// Returns the width of the terminal of the standard output, or `None` if the standard output is not a terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    static WIDTH: OnceLock<Option<usize>> = OnceLock::new();
    *WIDTH.get_or_init(|| {
        let (_, columns) = Term::stdout().size_checked()?;
        Some(usize::from(columns)).filter(|columns| *columns > 0)
    })
}

/// Prints rows. Each column is as wide as its widest cell. On a terminal, the table fits its width: columns between the first and
/// the last are cut, and the last column is wrapped.
pub(crate) fn table<const N: usize>(rows: &[[Cell; N]]) {
    lines(rows, terminal_width()).into_iter().for_each(line);
}

fn lines<const N: usize>(rows: &[[Cell; N]], terminal: Option<usize>) -> Vec<String> {
    let mut widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| row[i].width()).max().unwrap_or_default());
    if let Some(terminal) = terminal {
        shrink(&mut widths, terminal);
    }
    rows.iter().map(|row| text(row, &widths, terminal)).collect()
}

/// Shrinks the widest columns between the first and the last until the last column has enough space.
fn shrink<const N: usize>(widths: &mut [usize; N], terminal: usize) {
    let last = widths[N - 1].min(NARROW);
    loop {
        let gaps = widths.iter().filter(|width| **width > 0).count().saturating_sub(1) * GAP;
        let excess = (widths[..N - 1].iter().sum::<usize>() + gaps + last).saturating_sub(terminal);
        let inner = if N > 2 { &mut widths[1..N - 1] } else { &mut [] };
        let Some(widest) = inner.iter_mut().max().filter(|widest| excess > 0 && **widest > SHRUNK) else { return };
        *widest = widest.saturating_sub(excess).max(SHRUNK);
    }
}

fn text<const N: usize>(row: &[Cell; N], widths: &[usize; N], terminal: Option<usize>) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
    let (mut text, mut column) = (String::new(), 0);
    for (i, cell) in row.iter().enumerate().take(last) {
        let Cell { text: whole, style } = cell;
        let shown = truncate_str(whole, widths[i], "…");
        // A column that is empty in every row takes no space.
        let gap = if widths[i] == 0 { 0 } else { GAP };
        let padding = widths[i] - measure_text_width(&shown) + gap;
        // Writing to a string does not fail.
        let _ = write!(text, "{style}{shown}{style:#}{:padding$}", "");
        column += widths[i] + gap;
    }
    let Cell { text: whole, style } = &row[last];
    let hung = hang(whole, *style, column, terminal);
    if hung.starts_with('\n') { text.trim_end().to_owned() + &hung } else { text + &hung }
}

/// Returns a text that begins in a column, wrapped so that all of its lines begin there. If the column leaves little space, the
/// text begins on the next line.
pub(crate) fn hang(text: &str, style: Style, column: usize, terminal: Option<usize>) -> String {
    let is_long = |width: &usize| column + measure_text_width(text) > *width;
    let Some(width) = terminal.filter(is_long).filter(|_| column > 0) else { return format!("{style}{text}{style:#}") };
    let (begin, indent) = if width < column + NARROW { ("\n", 4) } else { ("", column) };
    let parts = wrap(text, width.saturating_sub(indent).max(NARROW));
    let mut lines = parts.iter().map(|part| format!("{style}{part}{style:#}"));
    let first = lines.next().unwrap_or_default();
    let start = if begin.is_empty() { first } else { format!("{begin}{:indent$}{first}", "") };
    lines.fold(start, |all, part| format!("{all}\n{:indent$}{part}", ""))
}

/// Splits a text at spaces into lines of at most this width. A longer word has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let current = lines
            .last_mut()
            .filter(|line| line.is_empty() || measure_text_width(line) + 1 + measure_text_width(word) <= width);
        match current {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => *line = format!("{line} {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

impl Cell {
    fn width(&self) -> usize {
        measure_text_width(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<const N: usize>(rows: &[[&str; N]], terminal: Option<usize>) -> Vec<String> {
        let rows: Vec<_> = rows.iter().map(|row| row.map(Cell::new)).collect();
        lines(&rows, terminal).iter().flat_map(|line| line.lines()).map(str::to_owned).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["ada", "", "1"], ["edsger", "", "22"], ["é", "", ""]];
        assert_eq!(shown(&rows, None), ["ada     1", "edsger  22", "é"]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(shown(&[["東京", "1"], ["abc", "2"]], None), ["東京  1", "abc   2"]);
    }

    #[test]
    fn the_last_column_is_wrapped_below_itself() {
        let rows = [["ada", "the quick brown fox jumps over the lazy dog"]];
        let expected = ["ada  the quick brown fox jumps", "     over the lazy dog"];
        assert_eq!(shown(&rows, Some(30)), expected);
        assert_eq!(shown(&rows, Some(80)).len(), 1);
        assert_eq!(shown(&rows, None).len(), 1);
    }

    #[test]
    fn a_column_in_the_middle_is_cut_and_the_first_is_not() {
        let long = "a description of forty characters, almost";
        let rows = [["clients/ada/mount", long, "ran 9 min ago"], ["x", "short", "ran"]];
        let shown = shown(&rows, Some(60));
        assert_eq!(shown[0], "clients/ada/mount  a description of forty ch…  ran 9 min ago");
        assert!(shown.iter().all(|line| measure_text_width(line) <= 60), "{shown:?}");
    }

    #[test]
    fn a_text_without_space_begins_on_the_next_line() {
        let rows = [["an-object-with-a-long-name", "the quick brown fox jumps over it"]];
        let shown = shown(&rows, Some(30));
        assert_eq!(shown, ["an-object-with-a-long-name", "    the quick brown fox jumps", "    over it"]);
    }

    #[test]
    fn a_word_that_is_too_long_is_not_split() {
        let rows = [["a", "error: /a/path/that/is/longer/than/the/terminal fails"]];
        let shown = shown(&rows, Some(30));
        assert_eq!(shown, ["a  error:", "   /a/path/that/is/longer/than/the/terminal", "   fails"]);
    }
}
