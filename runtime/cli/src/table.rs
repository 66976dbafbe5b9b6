//! Columns that stand under each other, in as much room as there is.
//!
//! Invariant: no line is wider than the terminal; what doesn't fit is left out column by column, then cut.

use crate::style::{Look, Paint, cut};

/// Blanks between two columns.
const GAP: usize = 2;

/// A column's title, and how it gives way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
    leaves: u8,
}

impl Column {
    /// A column of text. The higher `leaves`, the sooner it is left out where there is no room; 0 never is.
    pub(crate) const fn text(title: &'static str, leaves: u8) -> Self {
        Self {
            title,
            right: false,
            leaves,
        }
    }

    /// A column of numbers, which stand at the right.
    pub(crate) const fn number(title: &'static str, leaves: u8) -> Self {
        let right = true;
        Self {
            right,
            ..Self::text(title, leaves)
        }
    }
}

/// The table's lines, the titles first.
pub(crate) fn lines(
    look: Look,
    indent: usize,
    columns: &[Column],
    rows: &[Vec<String>],
) -> Vec<String> {
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(columns[at].title.chars().count())
        })
        .collect();
    let kept = kept(look, indent, columns, &widths);
    let titles: Vec<String> = columns.iter().map(|one| one.title.to_owned()).collect();
    let titles = line(look, indent, columns, &widths, &kept, &titles);
    let body = rows
        .iter()
        .map(|row| line(look, indent, columns, &widths, &kept, row));
    std::iter::once(look.paint(Paint::Faint, &titles))
        .chain(body)
        .collect()
}

/// The columns that there is room for.
fn kept(look: Look, indent: usize, columns: &[Column], widths: &[usize]) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let Some(room) = look.width else { return kept };
    loop {
        let needed: usize = kept.iter().map(|at| widths[*at] + GAP).sum();
        let least = kept.iter().filter(|at| columns[**at].leaves > 0);
        let leaving = least.max_by_key(|at| columns[**at].leaves).copied();
        match leaving {
            Some(leaving) if indent + needed > room + GAP => kept.retain(|at| *at != leaving),
            _ => return kept,
        }
    }
}

fn line(
    look: Look,
    indent: usize,
    columns: &[Column],
    widths: &[usize],
    kept: &[usize],
    cells: &[String],
) -> String {
    let mut line = " ".repeat(indent);
    for (n, at) in kept.iter().enumerate() {
        let (cell, width) = (cells.get(*at).map_or("", String::as_str), widths[*at]);
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
        let gap = if n == 0 { 0 } else { GAP };
        line += &" ".repeat(gap);
        match columns[*at].right {
            true => line += &format!("{pad}{cell}"),
            false => line += &format!("{cell}{pad}"),
        }
    }
    let line = line.trim_end();
    look.width
        .map_or_else(|| line.to_owned(), |room| cut(line, room))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column::text("PARTITION", 0),
        Column::number("LAG", 1),
        Column::text("OLDEST", 0),
    ];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![
            row(["orders/0", "5", "12: calling"]),
            row(["orders/10", "1234", ""]),
        ]
    }

    fn at(width: Option<usize>) -> Vec<String> {
        let look = Look {
            width,
            ..Look::default()
        };
        lines(look, 2, &COLUMNS, &rows())
    }

    #[test]
    fn columns_stand_under_each_other() {
        let wanted = [
            "  PARTITION   LAG  OLDEST",
            "  orders/0      5  12: calling",
            "  orders/10  1234",
        ];
        assert_eq!(at(None), wanted);
        assert_eq!(at(Some(30)), wanted);
    }

    #[test]
    fn where_there_is_no_room_a_column_leaves_and_then_lines_are_cut() {
        let wanted = [
            "  PARTITION  OLDEST",
            "  orders/0   12: calling",
            "  orders/10",
        ];
        assert_eq!(at(Some(29)), wanted);
        assert_eq!(at(Some(20))[1], "  orders/0   12: ca…");
    }
}
