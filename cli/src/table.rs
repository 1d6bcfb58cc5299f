//! A table for the terminal: columns as wide as their longest cell; the last one is cut at the terminal's edge.

/// The blanks between two columns.
const GAP: usize = 2;

/// The lines of a table. `columns` is the width of the terminal, or `None` where nothing is cut.
pub(crate) fn lines(head: &[&str], rows: &[Vec<String>], columns: Option<usize>) -> Vec<String> {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = std::iter::once(&head).chain(rows).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    std::iter::once(&head).chain(rows).map(|row| cut(line(row, &widths), columns)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths);
    let cells = cells.map(|(cell, width)| format!("{:width$}", plain(cell), width = width + GAP));
    cells.collect::<Vec<_>>().concat().trim_end().to_owned()
}

/// A text from outside without what could change the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(is_unsafe, " ")
}

/// Whether a character could change the terminal, or the order in which it shows others: a control character, or one that sets
/// the direction of text (Unicode Standard Annex 9, section 2).
pub(crate) fn is_unsafe(character: char) -> bool {
    let sets_direction = matches!(character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || sets_direction
}

fn cut(line: String, columns: Option<usize>) -> String {
    match columns {
        Some(columns) if line.chars().count() > columns && columns > 1 => {
            line.chars().take(columns - 1).chain(['…']).collect()
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let rows = [row(&["a", "long cell", "x"]), row(&["bcd", "e", "\u{1b}[31mred\u{202e}\n"])];
        assert_eq!(
            lines(&["A", "B", "C"], &rows, None),
            ["A    B          C", "a    long cell  x", "bcd  e           [31mred"]
        );
        assert_eq!(lines(&["A", "B", "C"], &rows, Some(9))[1], "a    lon…");
    }
}
