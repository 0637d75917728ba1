// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Tables and JSON.

use std::io::{self, Write};
use std::path::Path;

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::Failure;

/// What is deeper than this is written on one line.
const DEPTH: usize = 4;
/// The same, of hypercalls.
const DEPTH_OF_CALLS: usize = 2;

/// JSON of which objects within objects are on a line each, so that a person can read it and a
/// line-based diff is short.
struct Lines<'a> {
    pretty: PrettyFormatter<'a>,
    compact: CompactFormatter,
    depth: usize,
    /// How deep the dump is in something else.
    within: usize,
    in_key: bool,
    calls: bool,
}

impl Lines<'_> {
    fn wide(&self) -> bool {
        self.depth > self.within + if self.calls { DEPTH_OF_CALLS } else { DEPTH }
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*)),* $(,)?) => { $(
        fn $name<W: ?Sized + Write>(&mut self, writer: &mut W, $($arg: $type),*) -> io::Result<()> {
            if self.wide() {
                self.compact.$name(writer, $($arg),*)
            } else {
                self.pretty.$name(writer, $($arg),*)
            }
        }
    )* };
}

impl Formatter for Lines<'_> {
    forward!(
        begin_array_value(first: bool), end_array_value(),
        begin_object_value(), end_object_value(),
    );

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if self.depth == self.within + 1 {
            (self.in_key, self.calls) = (true, false);
        }
        if self.wide() {
            self.compact.begin_object_key(writer, first)
        } else {
            self.pretty.begin_object_key(writer, first)
        }
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.in_key = false;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.calls |= self.in_key && fragment == "hypercalls";
        writer.write_all(fragment.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.wide() {
            self.compact.begin_array(writer)
        } else {
            self.pretty.begin_array(writer)
        }
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let wide = self.wide();
        self.depth -= 1;
        if wide {
            self.compact.end_array(writer)
        } else {
            self.pretty.end_array(writer)
        }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.wide() {
            self.compact.begin_object(writer)
        } else {
            self.pretty.begin_object(writer)
        }
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let wide = self.wide();
        self.depth -= 1;
        if wide {
            self.compact.end_object(writer)
        } else {
            self.pretty.end_object(writer)
        }
    }
}

/// A dump as text.
pub(crate) fn dump_text(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    text(value, 0)
}

/// A report, in which a dump is, as text.
pub(crate) fn report_text(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    text(value, 1)
}

fn text(value: &impl Serialize, within: usize) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let (pretty, compact) = (PrettyFormatter::with_indent(b" "), CompactFormatter);
    let lines = Lines { pretty, compact, depth: 0, within, in_key: false, calls: false };
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, lines))?;
    text.push(b'\n');
    Ok(text)
}

/// Prints JSON on lines.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    print(&text)
}

/// Prints JSON on one line.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    print(&text)
}

pub(crate) fn print(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text)?;
    stdout.flush()?;
    Ok(())
}

/// Writes a file whole or not at all, unless it is a device.
pub(crate) fn write(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let is_file = path.metadata().map_or(true, |metadata| metadata.is_file());
    if !is_file {
        return Ok(std::fs::write(path, text).map_err(failed)?);
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    Ok(written.map_err(failed)?)
}

/// A table of a line for each row.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| one_line(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text: String = table.lines().map(|line| line.trim_end().to_string() + "\n").collect();
    if text == "\n" {
        text.clear();
    }
    text
}

/// A text without line breaks and other control characters.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_json_is_on_one_line() {
        let value = serde_json::json!({"a": [{"b": [{"c": [1, {"d": 2}]}, {"c": []}]}], "e": {}});
        let text = String::from_utf8(dump_text(&value).unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert!(lines.contains(&r#"{"c":[1,{"d":2}]},"#), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_hypercall_is_on_one_line() {
        let value =
            serde_json::json!({"hypercalls": [{"args": [1]}, {"args": []}], "vms": [{"a": [1]}]});
        let text = String::from_utf8(dump_text(&value).unwrap()).unwrap();
        assert_eq!(text.lines().nth(2), Some(r#"  {"args":[1]},"#), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn tables_have_no_empty_ends() {
        let text = table(
            &["name", "value"],
            [vec!["a".into(), "1".into()], vec!["bc".into(), String::new()]],
        );
        assert_eq!(text, "name  value\na     1\nbc\n");
    }
}
