//! What a bench found: tables for people on standard output, and the same with the
//! machine's description as JSON in `target/bench`.

use crate::Result;
use procfs::{CpuInfo, Current, LoadAverage};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// A column: a name, and the unit of its numbers, which may be none.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// What is in it.
    pub name: &'static str,
    /// `ms`, `KiB`, `/s` …; empty for texts and bare numbers.
    pub unit: &'static str,
    /// How many decimals of a number are shown to people.
    pub decimals: usize,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number in the column's unit.
    Number(f64),
    /// Nothing was measured, or there is nothing to measure.
    Absent,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Absent, Self::Number)
    }
}

/// Rows under columns.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// No rows yet.
    pub fn new(title: &str, columns: &[Column]) -> Self {
        Self { title: title.to_owned(), columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, whose cells are in the columns' order.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        let heads = self.columns.iter().map(|column| match column.unit {
            "" => column.name.to_owned(),
            unit => format!("{} ({unit})", column.name),
        });
        line(&mut text, heads);
        line(&mut text, self.columns.iter().map(|_| "---".to_owned()));
        for row in &self.rows {
            line(&mut text, row.iter().zip(&self.columns).map(|(cell, column)| shown(cell, column)));
        }
        text
    }

    fn json(&self) -> Value {
        let columns = self.columns.iter().map(|column| json!({"name": column.name, "unit": column.unit}));
        let rows = self.rows.iter().map(|row| row.iter().map(value).collect::<Vec<_>>());
        json!({
            "title": self.title, "columns": columns.collect::<Vec<_>>(), "rows": rows.collect::<Vec<_>>()
        })
    }
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
}

fn shown(cell: &Cell, column: &Column) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) => format!("{number:.*}", column.decimals),
        Cell::Absent => "–".to_owned(),
    }
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Number(number) => json!(number),
        Cell::Absent => Value::Null,
    }
}

/// Where and when something was measured.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// How many of them this process may use at once.
    pub cores: usize,
    /// The time.
    pub time: jiff::Timestamp,
    /// The load averages of the last minute, five and fifteen: what else the machine
    /// has to do.
    pub load: Option<[f32; 3]>,
}

impl Machine {
    /// This one, at this moment.
    pub fn now() -> Self {
        let cpu = CpuInfo::current().ok();
        Self {
            processor: cpu.as_ref().and_then(|cpu| cpu.model_name(0)).unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            time: jiff::Timestamp::now(),
            load: LoadAverage::current().ok().map(|load| [load.one, load.five, load.fifteen]),
        }
    }
}

/// What one bench found.
#[derive(Clone, Debug)]
pub struct Report {
    name: String,
    machine: Machine,
    tables: Vec<Table>,
    notes: Vec<String>,
}

impl Report {
    /// To be made before the measurement begins, as it notes what else the machine
    /// has to do.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), machine: Machine::now(), tables: Vec::new(), notes: Vec::new() }
    }

    /// Adds a table.
    pub fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Adds a sentence that the tables need to be understood.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Prints the tables and writes `NAME.json` into `directory`; returns where.
    ///
    /// # Errors
    /// The system's.
    pub fn publish(&self, directory: &Path) -> Result<PathBuf> {
        let mut text = String::new();
        for table in &self.tables {
            let _ = writeln!(text, "\n{}", table.markdown().trim_end());
        }
        for note in &self.notes {
            let _ = writeln!(text, "\n{note}");
        }
        std::io::stdout().write_all(text.as_bytes())?;
        let Machine { processor, cores, time, load } = &self.machine;
        let tables: Vec<Value> = self.tables.iter().map(Table::json).collect();
        let whole = json!({
            "name": self.name, "machine": {"cpu": processor, "cores": cores},
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "load_average": load,
            "tables": tables, "notes": self.notes
        });
        write_json(directory, &self.name, &whole)
    }
}

/// Writes `NAME.json` into `directory`; returns where.
///
/// # Errors
/// The system's.
pub fn write_json(directory: &Path, name: &str, report: &Value) -> Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let path = directory.join(format!("{name}.json"));
    fs::write(&path, format!("{report:#}\n"))?;
    Ok(path)
}

/// Where reports are kept.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] =
        &[Column { name: "what", unit: "", decimals: 0 }, Column { name: "p99", unit: "ms", decimals: 1 }];

    #[test]
    fn a_table_is_markdown_for_people_and_numbers_with_units_for_programs() {
        let mut table = Table::new("Times", COLUMNS);
        table.row(vec!["idle".into(), 1.26.into()]);
        table.row(vec!["none".into(), Cell::Absent]);
        assert_eq!(table.markdown(), "Times\n\n| what | p99 (ms) |\n| --- | --- |\n| idle | 1.3 |\n| none | – |\n");

        let mut report = Report::new("example");
        report.table(table);
        let directory = tempfile::tempdir().unwrap();
        let path = report.publish(directory.path()).unwrap();
        assert_eq!(path, directory.path().join("example.json"));
        let written: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        assert_eq!(written["tables"][0]["columns"][1], json!({"name": "p99", "unit": "ms"}));
        assert_eq!(written["tables"][0]["rows"], json!([["idle", 1.26], ["none", null]]));
        for fact in ["machine", "date", "load_average"] {
            assert!(!written[fact].is_null(), "{fact}");
        }
    }
}
