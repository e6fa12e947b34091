//! Tables for people: columns aligned, dropped by rank and cut at the terminal's width; on a narrow terminal each row
//! is a block.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::style::{Style, paint};

/// Below this many columns each row is a block.
const BLOCKS_BELOW: usize = 60;
/// Columns that a text is never cut below.
const CUT_MIN: usize = 10;
/// Columns that what is pasted always has where it needs them: an event's id, a UUID.
const NAME_MIN: usize = 36;
/// Columns between two columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Its heading.
    pub(crate) title: &'static str,
    /// The highest is dropped first when there is no room; 0 is never.
    pub(crate) rank: u8,
    /// Whether numbers are in it.
    pub(crate) right: bool,
    /// Whether only `wide` has it.
    pub(crate) wide: bool,
    /// It is not narrower than this while a column of a higher rank is left to drop.
    pub(crate) least: usize,
    /// Whether text that has no room goes on in the next line, instead of being cut.
    pub(crate) folds: bool,
}

impl Column {
    /// A column of text.
    pub(crate) const fn new(title: &'static str, rank: u8) -> Self {
        Self { title, rank, right: false, wide: false, least: CUT_MIN, folds: false }
    }

    /// A column of numbers.
    pub(crate) const fn number(title: &'static str, rank: u8) -> Self {
        Self { right: true, ..Self::new(title, rank) }
    }

    /// A column that only `wide` has.
    pub(crate) const fn wide(title: &'static str) -> Self {
        Self { wide: true, ..Self::new(title, 9) }
    }

    /// The same as the last column, for sentences: folded at words, and not below `least` columns.
    pub(crate) const fn folded(self, least: usize) -> Self {
        Self { least, folds: true, ..self }
    }
}

/// A cell: text that is harmless and on one line, and how it looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// A text, whatever is in it.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: tenterhook_model::harmless_line(text.as_ref()), style: None }
    }

    /// The same in a style.
    pub(crate) fn styled(text: impl AsRef<str>, style: Option<Style>) -> Self {
        Self { style, ..Self::new(text) }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// How a table is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Columns of the terminal; `None` cuts nothing.
    pub(crate) width: Option<usize>,
    /// Whether there are colours.
    pub(crate) colour: bool,
    /// Whether the columns of `wide` are shown.
    pub(crate) wide: bool,
}

/// The table as text, a line break after each line.
pub(crate) fn grid(columns: &[Column], rows: &[Vec<Cell>], layout: Layout) -> String {
    for row in rows {
        assert_eq!(row.len(), columns.len(), "each row has a cell for each column");
    }
    let mut shown: Vec<usize> = (0..columns.len()).filter(|&i| layout.wide || !columns[i].wide).collect();
    match layout.width {
        Some(width) if width < BLOCKS_BELOW => blocks(columns, rows, &shown, width, layout.colour),
        width => {
            let widths = fit(columns, rows, &mut shown, width);
            lines(columns, rows, &shown, &widths, layout.colour)
        }
    }
}

/// The width of each column in `shown`. Where there is no room text is cut, then columns are dropped; those of rank 0, which
/// hold what is pasted, are cut first if they are longer than most, and else only when nothing else is left.
fn fit(columns: &[Column], rows: &[Vec<Cell>], shown: &mut Vec<usize>, width: Option<usize>) -> Vec<usize> {
    loop {
        let widest = |&i: &usize| rows.iter().map(|row| row[i].text.width()).max().unwrap_or(0);
        let mut widths: Vec<usize> = shown.iter().map(|i| widest(i).max(columns[*i].title.width())).collect();
        let Some(width) = width else { return widths };
        let room = width.saturating_sub(GAP * shown.len().saturating_sub(1));
        let last = (0..shown.len()).max_by_key(|&i| columns[shown[i]].rank).filter(|&i| columns[shown[i]].rank > 0);
        let mut over = widths.iter().sum::<usize>().saturating_sub(room);
        for (width, &i) in widths.iter_mut().zip(shown.iter()) {
            if columns[i].rank == 0 && *width > NAME_MIN {
                let cut = over.min(*width - NAME_MIN);
                *width -= cut;
                over -= cut;
            }
        }
        while widths.iter().sum::<usize>() > room {
            let cut_min = |i: usize| match last {
                Some(last) if columns[shown[last]].rank > columns[shown[i]].rank => columns[shown[i]].least,
                _ => CUT_MIN,
            };
            let may_cut = |&i: &usize| !columns[shown[i]].right && (columns[shown[i]].rank > 0 || last.is_none());
            match (0..widths.len()).filter(may_cut).max_by_key(|&i| widths[i]) {
                Some(i) if widths[i] > cut_min(i).max(columns[shown[i]].title.width()) => widths[i] -= 1,
                _ => break,
            }
        }
        match last {
            Some(i) if widths.iter().sum::<usize>() > room => shown.remove(i),
            _ => return widths,
        };
    }
}

fn lines(columns: &[Column], rows: &[Vec<Cell>], shown: &[usize], widths: &[usize], colour: bool) -> String {
    let mut text = String::new();
    let heading: Vec<Cell> = columns.iter().map(|column| Cell::styled(column.title, Some(Style::Bold))).collect();
    for row in std::iter::once(&heading).chain(rows) {
        let (mut line, mut rest) = (String::new(), Vec::new());
        for (place, (&i, &width)) in shown.iter().zip(widths).enumerate() {
            let is_last = place + 1 == shown.len();
            let cut = match columns[i].folds && is_last {
                true => {
                    let mut pieces = folded(&row[i].text, width).into_iter();
                    let first = pieces.next().unwrap_or_default();
                    rest = pieces.collect();
                    first
                }
                false => cut(&row[i].text, width),
            };
            let room = " ".repeat(width - cut.width());
            let painted = paint(colour, row[i].style, &cut);
            let gap = if is_last { "" } else { "  " };
            let cell = if columns[i].right {
                room + &painted
            } else if is_last {
                painted
            } else {
                painted + &room
            };
            line.push_str(&cell);
            line.push_str(gap);
        }
        text.push_str(line.trim_end());
        text.push('\n');
        let before: usize = widths.iter().take(shown.len().saturating_sub(1)).map(|width| width + GAP).sum();
        for piece in rest {
            text.push_str(&format!("{}{piece}\n", " ".repeat(before)));
        }
    }
    text
}

/// The text in lines of at most `width` columns, broken between words; a word without room is cut.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| line.width() + 1 + word.width() <= width) {
            Some(line) => line.extend([" ", word]),
            None => lines.push(cut(word, width)),
        }
    }
    lines
}

/// Each row as a block: a heading and the cell in each line.
fn blocks(columns: &[Column], rows: &[Vec<Cell>], shown: &[usize], width: usize, colour: bool) -> String {
    let title = shown.iter().map(|&i| columns[i].title.width()).max().unwrap_or(0);
    let mut blocks = Vec::new();
    for row in rows {
        let mut block = String::new();
        for &i in shown.iter().filter(|&&i| !row[i].text.is_empty()) {
            let name = format!("{}{}", columns[i].title, " ".repeat(title + GAP - columns[i].title.width()));
            let room = width.saturating_sub(title + GAP).max(1);
            let text = match columns[i].folds {
                true => folded(&row[i].text, room).join(&format!("\n{}", " ".repeat(title + GAP))),
                false => cut(&row[i].text, room),
            };
            block.push_str(&format!(
                "{}{}\n",
                paint(colour, Some(Style::Dim), &name),
                paint(colour, row[i].style, &text)
            ));
        }
        blocks.push(block);
    }
    blocks.join("\n")
}

/// The text in at most `width` columns, with `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut cut, mut taken) = (String::new(), 0);
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken + 1 > width {
            break;
        }
        cut.push(c);
    }
    cut + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [Column; 4] =
        [Column::new("NAME", 0), Column::new("WHY", 1), Column::number("COUNT", 2), Column::wide("ID")];

    fn rows() -> Vec<Vec<Cell>> {
        let long = "a reason that is rather long ".repeat(4);
        vec![
            vec!["orders".into(), long.into(), "1,204".into(), "wh_1".into()],
            vec!["日本語 😀".into(), "x\u{1b}[2J\n".into(), "7".into(), "wh_2".into()],
        ]
    }

    fn lay(width: Option<usize>, wide: bool) -> String {
        grid(&COLUMNS, &rows(), Layout { width, colour: false, wide })
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 20..200 {
            let text = lay(Some(width), width % 2 == 0);
            assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
            assert!(text.contains("orders") && !text.contains('\u{1b}'), "{width}:\n{text}");
        }
        assert!(!lay(None, false).contains('…'));
    }

    #[test]
    fn a_long_name_leaves_room_for_the_rest() {
        let long = "billing and invoices of the whole group (EMEA)";
        let row = || vec![long.into(), "a reason that is rather long".into(), "7".into(), "wh_1".into()];
        let text = |width| grid(&COLUMNS, &[row()], Layout { width: Some(width), colour: false, wide: false });
        assert!(text(80).contains("group (E…  a reason that is rather long"), "{}", text(80));
        assert!(text(90).contains(long), "{}", text(90));
    }

    #[test]
    fn a_sentence_is_folded_and_stays_readable_while_less_can_be_dropped() {
        let long = "billing and invoices of the whole group (EMEA)";
        let row = || vec![long.into(), "the event type matches none of created".into(), "7".into(), "wh_1".into()];
        let columns = [COLUMNS[0], COLUMNS[1].folded(30), Column::new("DELIVERY", 2), COLUMNS[3]];
        let text = |width| grid(&columns, &[row()], Layout { width: Some(width), colour: false, wide: false });
        assert!(text(76).ends_with("whole g…  the event type matches none of created\n"), "{}", text(76));
        assert!(text(120).contains("DELIVERY"), "{}", text(120));
        let folded = format!("whole g…  the event type matches none of\n{}created\n", " ".repeat(38));
        assert!(text(70).ends_with(&folded), "{}", text(70));
        assert!(
            text(40).ends_with("WHY       the event type matches none of\n          created\nDELIVERY  7\n"),
            "{}",
            text(40)
        );
        for width in 20..140 {
            assert!(text(width).lines().all(|line| line.width() <= width), "{width}:\n{}", text(width));
        }
    }

    #[test]
    fn narrow_terminals_get_blocks_and_wide_the_ids() {
        assert!(lay(Some(40), false).starts_with("NAME   orders\nWHY    a reason that"));
        assert!(!lay(Some(80), false).contains("wh_1"));
        assert!(lay(Some(200), true).contains("wh_1"));
    }

    #[test]
    fn text_is_cut_by_columns_not_bytes() {
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
    }

    proptest! {
        #[test]
        fn every_table_fits_its_terminal_and_shows_every_row(
            texts in prop::collection::vec(("[a-z日😀 ]{1,20}", "[ -~日本😀é\\x07\\x1b\\n\\t]{0,40}", 0u32..1_000_000), 0..6), width in 20usize..160,
            wide in any::<bool>(),
        ) {
            let rows: Vec<Vec<Cell>> = texts.iter().map(|(name, why, count)| {
                vec![name.into(), why.into(), count.to_string().into(), "wh_1".into()]
            }).collect();
            let text = grid(&COLUMNS, &rows, Layout { width: Some(width), colour: false, wide });
            prop_assert!(text.lines().all(|line| line.width() <= width), "{}:\n{}", width, text);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{:?}", text);
            if width >= BLOCKS_BELOW {
                prop_assert_eq!(text.lines().count(), rows.len() + 1, "{}", text);
            }
        }

        #[test]
        fn without_a_width_nothing_is_cut_and_columns_begin_alike(names in prop::collection::vec("[a-z日]{1,12}", 1..6)) {
            let rows: Vec<Vec<Cell>> =
                names.iter().map(|name| vec![name.into(), "|".into(), "1".into(), "wh_1".into()]).collect();
            let text = grid(&COLUMNS, &rows, Layout { width: None, colour: false, wide: false });
            let starts: Vec<usize> =
                text.lines().skip(1).map(|line| line[..line.find('|').expect("it is shown")].width()).collect();
            prop_assert!(starts.iter().all(|start| *start == starts[0]), "{}", text);
            prop_assert!(names.iter().all(|name| text.contains(name.as_str())) && !text.contains('…'));
        }

        #[test]
        fn a_cut_text_is_as_wide_as_it_may_be_and_says_so(text in "[a-z日本😀é]{0,30}", width in 1usize..40) {
            let shown = cut(&text, width);
            prop_assert!(shown.width() <= width, "{} in {}", shown, width);
            match shown.strip_suffix('…').filter(|_| shown != text) {
                Some(kept) => prop_assert!(text.starts_with(kept) && kept.width() + 3 >= width, "{} of {}", shown, text),
                None => prop_assert_eq!(shown, text),
            }
        }
    }
}
