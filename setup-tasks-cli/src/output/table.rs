//! Tables.

use std::fmt::Write;

use anstyle::Style;

use super::{PLAIN, line, printable};

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

/// Prints rows. Each column is as wide as its widest cell, except for the last one.
pub(crate) fn table<const N: usize>(rows: &[[Cell; N]]) {
    lines(rows).into_iter().for_each(line);
}

fn lines<const N: usize>(rows: &[[Cell; N]]) -> Vec<String> {
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| row[i].text.chars().count()).max().unwrap_or_default());
    let text = |row: &[Cell; N]| {
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
        let mut text = String::new();
        for (i, Cell { text: cell, style }) in row.iter().enumerate().take(last + 1) {
            let padding = if i == last { 0 } else { widths[i] - cell.chars().count() };
            // A column that is empty in every row takes no space.
            let gap = if i == last || widths[i] == 0 { "" } else { "  " };
            // Writing to a string does not fail.
            let _ = write!(text, "{style}{cell}{style:#}{:padding$}{gap}", "");
        }
        text
    };
    rows.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["ada", "", "1"], ["edsger", "", "22"], ["é", "", ""]].map(|row| row.map(Cell::new));
        assert_eq!(lines(&rows), ["ada     1", "edsger  22", "é"]);
    }
}
