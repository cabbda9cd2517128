//! `hashpass codes export`: the codes that were won, for other programs.

use super::{ctl::ServerArguments, said::say_answer};
use clap::{Args, Subcommand, ValueEnum};
use hashpass::admin::{
    client::ask,
    protocol::{Answer, CodeReport, Command, Request},
};
use std::{
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

/// The columns of the table, in order.
const COLUMNS: &str = "code,status,round,won_at,expires_at,redeemed_at,redeemed_for";

#[derive(Debug, Args)]
pub(crate) struct CodesArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Print every code that was won and how it stands, in the order of the rounds.
    Export {
        /// csv has a line of headings, jsonl a JSON object a line.
        #[arg(long, value_enum)]
        format: Format,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

/// Prints the codes of the server whose data directory this is.
///
/// # Errors
/// In words, if it cannot be asked, or what it says cannot be printed.
pub(crate) fn codes(directory: &Path, arguments: &CodesArguments) -> Result<ExitCode, String> {
    let Act::Export { format } = arguments.act;
    let failed = |error: io::Error| format!("standard output: {error}");
    let mut out = BufWriter::new(io::stdout().lock());
    let mut after = None;
    loop {
        let request = Request { command: Command::ListCodes { after: after.unwrap_or(0) }, why: String::new() };
        let answer = ask(directory, &request).map_err(|error| error.to_string())?;
        let Answer::Codes { codes, more } = &answer else {
            return say_answer(&answer, arguments.server.json, |_| None);
        };
        // Where there is no server to ask there is no table.
        if let (Format::Csv, None) = (format, after) {
            out.write_all(format!("{COLUMNS}\r\n").as_bytes()).map_err(failed)?;
        }
        for code in codes {
            let line = match format {
                Format::Csv => csv_line(code),
                Format::Jsonl => serde_json::to_string(code).map_err(|error| error.to_string())? + "\n",
            };
            out.write_all(line.as_bytes()).map_err(failed)?;
        }
        match codes.last().and_then(|last| last.round).filter(|_| *more) {
            Some(round) => after = Some(round),
            None => break,
        }
    }
    out.flush().map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

/// A line of RFC 4180.
fn csv_line(report: &CodeReport) -> String {
    let CodeReport { code, status, round, won_at, expires_at, redeemed_at, redeemed_for } = report;
    let round = round.map(|round| round.to_string());
    let fields = [code.as_ref(), Some(status), round.as_ref(), won_at.as_ref(), expires_at.as_ref()];
    let fields = fields.into_iter().chain([redeemed_at.as_ref(), redeemed_for.as_ref()]);
    let fields: Vec<_> = fields.map(|field| csv_field(field.map_or("", String::as_str))).collect();
    fields.join(",") + "\r\n"
}

/// What others have written stays text: where a program for tables would compute it, a
/// single quote stands before it.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_table_keeps_to_its_fields() {
        let report = CodeReport {
            code: Some("a,\"b\"".to_owned()),
            round: Some(7),
            redeemed_for: Some("=1+1".to_owned()),
            ..CodeReport::unknown()
        };
        assert_eq!(csv_line(&report), "\"a,\"\"b\"\"\",unknown,7,,,,'=1+1\r\n");
        assert_eq!(csv_line(&report).matches(',').count() - 1, COLUMNS.matches(',').count());
    }
}
