//! CSV as NetBox's bulk import takes it (RFC 4180; commas, semicolons or tabs). The CSV of NetBox's "Export" button is
//! refused: it lacks half of each webhook.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::import::object::Record;

/// The records of a file called `name`.
///
/// # Errors
/// When it is not CSV, or the CSV of the "Export" button.
pub(super) fn records(name: &str, text: &str) -> Result<Vec<Record>, Failure> {
    let head = text.lines().next().unwrap_or_default();
    let separator = ['\t', ';', ','].into_iter().max_by_key(|separator| head.matches(*separator).count());
    let separator = separator.expect("there are three");
    let mut rows = rows(text, separator).map_err(|why| Failure::usage(format!("{name}: {why}")))?.into_iter();
    let header = rows.next().unwrap_or_default();
    check_header(name, &header)?;
    let mut records = Vec::new();
    for (index, row) in rows.enumerate() {
        let place = format!("{name}#{}", index + 1);
        if row.len() > header.len() {
            return Err(Failure::usage(format!("{place}: has more values than the header has names")));
        }
        let members: Map<String, Value> = header.iter().cloned().zip(row.into_iter().map(Value::from)).collect();
        records.push(Record::new(place, members));
    }
    Ok(records)
}

/// Refuses what NetBox's "Export" button writes. Its header has the titles of a table's columns; the bulk import takes the
/// names of fields.
fn check_header(name: &str, header: &[String]) -> Result<(), Failure> {
    let is_field = |name: &String| {
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.') && !name.is_empty()
    };
    if header.iter().all(is_field) && header.iter().any(|name| name == "name") {
        return Ok(());
    }
    if !header.iter().any(|title| ["name", "id"].contains(&title.to_lowercase().as_str())) {
        return Err(Failure::usage(format!("{name} is neither JSON nor CSV with names of fields in its first line")));
    }
    let message = format!(
        "{name} is from NetBox's \"Export\" button, which leaves out body templates, headers, secrets and conditions"
    );
    Err(Failure::usage(message).next(
        "read the REST API with --url, or export with the template of `tenterhook import netbox --print-export-template`",
    ))
}

/// The cells of each row. Line breaks within quotes stay as they are.
fn rows(text: &str, separator: char) -> Result<Vec<Vec<String>>, &'static str> {
    let mut rows = Vec::new();
    let (mut row, mut cell) = (Vec::new(), String::new());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if cell.is_empty() => quoted(&mut rest, &mut cell)?,
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' => {
                row.push(std::mem::take(&mut cell));
                let done = std::mem::take(&mut row);
                if done.iter().any(|cell| !cell.is_empty()) {
                    rows.push(done);
                }
            }
            c if c == separator => row.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    row.push(cell);
    if row.iter().any(|cell| !cell.is_empty()) {
        rows.push(row);
    }
    Ok(rows)
}

/// The rest of a cell that began with a quote; two quotes stand for one (RFC 4180, section 2.7).
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, cell: &mut String) -> Result<(), &'static str> {
    loop {
        match rest.next() {
            Some('"') if rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            Some('"') => return Ok(()),
            Some(c) => cell.push(c),
            None => return Err("a quote is not closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_line_breaks_and_separators_are_kept_in_cells() {
        let text = "name,body_template\r\n\"a, \"\"b\"\"\",\"{\r\n ü\n}\"\r\n\r\nc,\r\n";
        let read = records("x.csv", text).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].text("name"), read[0].text("body_template")), ("a, \"b\"", "{\r\n ü\n}"));
        assert_eq!((read[1].text("name"), read[1].place.as_str()), ("c", "x.csv#2"));
    }

    #[test]
    fn semicolons_and_tabs_separate_too() {
        for separator in [";", "\t"] {
            let text = "name,x\n1,2\n".replace(',', separator);
            assert_eq!(records("x.csv", &text).unwrap()[0].text("x"), "2");
        }
    }

    #[test]
    fn the_export_button_is_refused_with_the_way_out() {
        for head in ["ID,Name,Enabled,SSL verification", "Name;Payload URL", "Id,Name"] {
            let error = records("x.csv", &format!("{head}\n1,2\n")).unwrap_err().to_string();
            assert!(error.contains("Export") && error.contains("--print-export-template"), "{error}");
        }
        for text in ["", "hello", "a,b\n\"c", "name\n1,2"] {
            assert!(records("x.csv", text).is_err(), "{text}");
        }
    }

    /// Every cell of every record.
    fn cells(text: &str) -> Vec<Vec<String>> {
        let names = ["name", "x", "y"];
        let read = records("f.csv", text).unwrap();
        read.iter().map(|record| names.map(|name| record.text(name).to_owned()).into()).collect()
    }

    #[test]
    fn cells_are_read_as_they_were_written() {
        for (text, wanted) in [
            ("name,x,y\na,b,c", [["a", "b", "c"]].to_vec()),
            ("name,x,y\na,b\n", vec![["a", "b", ""]]),
            ("name,x,y\n\"a\",\"\",\"\"\"\"", vec![["a", "", "\""]]),
            ("name,x,y\na,b\"c,\"d\"e", vec![["a", "b\"c", "de"]]),
            ("name,x,y\n\"a,b\",\"c\nd\",\"e\r\nf\"", vec![["a,b", "c\nd", "e\r\nf"]]),
            ("name,x,y\r\n\r\na,,\r\n,,\r\nb,,\r\n", vec![["a", "", ""], ["b", "", ""]]),
            ("name,x,y\n é , ü,\t\n", vec![[" é ", " ü", "\t"]]),
            ("name\tx\ty\na,b\tc;d\t\n", vec![["a,b", "c;d", ""]]),
            ("name;x;y\na,b;c;\n", vec![["a,b", "c", ""]]),
            ("name,x,y\n", vec![]),
        ] {
            assert_eq!(cells(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, part) in [
            ("name,x\na,b,c\n", "f.csv#1: has more values than the header has names"),
            ("name,x\na,b\n\n\na,b,\n", "f.csv#2: has more values"),
            ("name,x\na,\"b\n", "f.csv: a quote is not closed"),
            ("name,X\na,b\n", "from NetBox's \"Export\" button"),
            ("name,\na,b\n", "from NetBox's \"Export\" button"),
            ("x,y\n1,2\n", "is neither JSON nor CSV"),
        ] {
            let error = records("f.csv", text).unwrap_err();
            assert!(error.to_string().contains(part) && error.code == crate::failure::USAGE, "{text:?}: {error}");
        }
        assert!(
            records("f.csv", "name,data.x,field_2\na,b,c").is_ok(),
            "dots, digits and dashes are in names of fields"
        );
    }
}
