//! A small valid PDF (ISO 32000-1, section 7.5) of one page of text; it must not grow into a layout.

use std::fmt::Write as _;

/// Lines that fit on the page; the rest is left out.
const LINES_MAX: usize = 40;
/// Characters that fit on a line; the rest is cut off.
const LINE_CHARS_MAX: usize = 90;

/// A document of one A4 page with a title and these lines.
pub(super) fn page(title: &str, lines: impl Iterator<Item = String>) -> String {
    let mut text = format!("BT /F1 18 Tf 50 780 Td ({}) Tj /F1 10 Tf 0 -10 Td", literal(title));
    for line in lines.take(LINES_MAX) {
        // Writing to a string cannot fail.
        let _ = write!(text, " 0 -16 Td ({}) Tj", literal(&line));
    }
    text.push_str(" ET");
    document(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ])
}

/// The objects, numbered from 1, with the table of their positions.
fn document(objects: &[String]) -> String {
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(objects) {
        let _ = writeln!(table, "{:010} 00000 n ", pdf.len());
        let _ = write!(pdf, "{number} 0 obj\n{object}\nendobj\n");
    }
    let at = pdf.len();
    let _ = write!(
        pdf,
        "{table}trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n",
        objects.len() + 1
    );
    pdf
}

/// The text of a literal string; what is not ASCII is shown as a question mark.
fn literal(text: &str) -> String {
    let mut literal = String::new();
    for character in text.chars().take(LINE_CHARS_MAX) {
        match character {
            '(' | ')' | '\\' => literal.extend(['\\', character]),
            ' '..='~' => literal.push(character),
            _ => literal.push('?'),
        }
    }
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_in_the_table_is_that_of_its_object() {
        let pdf = page("A (title) é", ["label: \"x\\y\"".to_owned()].into_iter());
        let table_at: usize = pdf.lines().rev().nth(1).unwrap().parse().unwrap();
        let table: Vec<_> = pdf[table_at..].lines().collect();
        assert_eq!(table[0..3], ["xref", "0 6", "0000000000 65535 f "]);
        for number in 1..=5 {
            let at: usize = table[2 + number][..10].parse().unwrap();
            assert!(pdf[at..].starts_with(&format!("{number} 0 obj\n")), "object {number}");
        }
        assert!(pdf.contains("(A \\(title\\) ?) Tj"), "{pdf}");
    }

    #[test]
    fn the_stream_has_its_stated_length() {
        let pdf = page("Title", (0..100).map(|n| n.to_string()));
        let stated: usize = pdf.split("/Length ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let stream = pdf.split("\nstream\n").nth(1).unwrap().split("\nendstream").next().unwrap();
        assert_eq!(stream.len(), stated);
    }
}
