//! Where everything is kept that must outlive the process.

use super::{reader::Reader, variable::WithDefault};
use crate::ledger::{LedgerSettings, Store};

pub(super) const DATA_DIR: WithDefault = WithDefault::new(
    "HASHPASS_DATA_DIR",
    "./data",
    "directory of the ledger, of the audit log and of the lobby's database",
);

pub(super) const STORE: WithDefault = WithDefault::new(
    "HASHPASS_STORE",
    "sqlite",
    "where wins and rounds are kept: sqlite (in HASHPASS_DATA_DIR) or memory (gone with the process)",
);

/// The settings of the ledger.
pub(super) fn ledger(reader: &mut Reader<'_>) -> LedgerSettings {
    LedgerSettings {
        directory: reader.text(&DATA_DIR).into(),
        store: reader.choice(&STORE, &[("sqlite", Store::Sqlite), ("memory", Store::Memory)]),
    }
}
