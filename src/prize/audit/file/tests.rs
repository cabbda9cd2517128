//! What is in the file after every kind of write, crash and meddling.

use super::{
    super::tests::{record, rounds},
    *,
};
use crate::{
    captured_log::CapturedLog,
    clock::{Clock, ManualClock},
    prize::audit::AuditRecord,
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::default())
}

fn open(directory: &TempDir) -> AuditFile {
    let mut file = AuditFile::new(directory.path(), 1000, clock());
    file.check().unwrap();
    file
}

fn append(file: &mut AuditFile, records: &[AuditRecord]) -> io::Result<()> {
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    file.append(lines.iter().map(String::as_str))
}

fn path(directory: &TempDir) -> PathBuf {
    directory.path().join(NAME)
}

/// Every file of the directory but `verify.json`.
fn others(directory: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
    let files = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    files.filter(|(name, _)| name != NAME).map(|(name, path)| (name, fs::read(path).unwrap_or_default())).collect()
}

#[test]
fn every_append_adds_its_own_record_and_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let writes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&writes);
    let write: WriteAndFlush = Box::new(move |file, bytes| {
        seen.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        file.write_all(bytes)
    });
    let mut file = AuditFile::with_write(directory.path(), 1000, clock(), write);
    file.check().unwrap();
    assert_eq!(fs::read_to_string(path(&directory)).unwrap(), "[\n]");
    append(&mut file, &[record(1)]).unwrap();
    append(&mut file, &[record(2), record(3)]).unwrap();
    let [one, two, three] = [1, 2, 3].map(|round| serde_json::to_string(&record(round)).unwrap());
    assert_eq!(*writes.lock().unwrap(), [format!("\n{one}\n]"), format!(",\n{two},\n{three}\n]")]);
    assert_eq!(fs::read_to_string(path(&directory)).unwrap(), format!("[\n{one},\n{two},\n{three}\n]"));
}

#[test]
fn a_full_file_is_renamed_and_a_taken_name_is_never_taken_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = AuditFile::new(directory.path(), 3, clock());
    for round in 1..=10 {
        assert_eq!(file.room() as u64, 3 - (round - 1) % 3);
        append(&mut file, &[record(round)]).unwrap();
    }
    assert_eq!(rounds(&path(&directory)), [10]);
    let archives = ["verify_19700101_000000.json", "verify_19700101_000000_2.json", "verify_19700101_000000_3.json"];
    assert!(others(&directory).keys().eq(archives));
    for (archive, expected) in archives.into_iter().zip([[1, 2, 3], [4, 5, 6], [7, 8, 9]]) {
        assert_eq!(rounds(&directory.path().join(archive)), expected);
    }
}

#[test]
fn a_file_that_was_full_before_the_crash_is_renamed_at_start() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut open(&directory), &[record(1), record(2)]).unwrap();
    let mut file = AuditFile::new(directory.path(), 2, clock());
    file.check().unwrap();
    assert!(rounds(&path(&directory)).is_empty());
    assert_eq!(rounds(&directory.path().join("verify_19700101_000000.json")), [1, 2]);
}

#[test]
fn a_reopened_file_goes_on_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut open(&directory), &[record(1)]).unwrap();
    append(&mut open(&directory), &[record(2)]).unwrap();
    assert_eq!(rounds(&path(&directory)), [1, 2]);
    assert!(others(&directory).is_empty());
}

#[test]
fn a_file_torn_at_any_byte_keeps_its_complete_records() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut open(&directory), &[record(1), record(2), record(3)]).unwrap();
    let whole = fs::read(path(&directory)).unwrap();
    let line = serde_json::to_string(&record(1)).unwrap().len() + ",\n".len();
    assert_eq!(complete_records(b""), None);
    for length in 1..=whole.len() {
        // `[` stands where the others have their comma.
        let complete = length / line;
        assert_eq!(complete_records(&whole[..length]), Some((complete, (complete * line).max(1))), "cut at {length}");
    }
}

#[test]
fn a_file_torn_at_any_byte_is_repaired_and_goes_on() {
    // Short, because each of the hundred files goes to the disk several times.
    let records = [r#"{"a":"]\n\""}"#, r#"{"b":[{},{}]}"#, r#"{"c":"},{"}"#];
    let model = tempfile::tempdir().unwrap();
    open(&model).append(records.into_iter()).unwrap();
    let whole = fs::read(path(&model)).unwrap();
    for length in 0..=whole.len() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(path(&directory), &whole[..length]).unwrap();
        let read = || serde_json::from_slice::<Vec<serde_json::Value>>(&fs::read(path(&directory)).unwrap()).unwrap();
        let mut file = open(&directory);
        let complete = read().len();
        file.append(records[complete..].iter().copied().chain(["{}"])).unwrap();
        let expected = records.iter().map(|record| serde_json::from_str(record).unwrap());
        assert_eq!(read(), expected.chain([serde_json::json!({})]).collect::<Vec<_>>(), "cut at {length}");
    }
}

#[test]
fn torn_bytes_are_kept_and_the_log_says_so() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut open(&directory), &[record(1), record(2)]).unwrap();
    let torn = fs::read(path(&directory)).unwrap();
    let torn = &torn[..torn.len() - 20];
    for repetition in ["verify.json.torn-19700101_000000", "verify.json.torn-19700101_000000_2"] {
        fs::write(path(&directory), torn).unwrap();
        let (captured, _guard) = CapturedLog::start();
        open(&directory);
        assert_eq!(rounds(&path(&directory)), [1]);
        let (name, bytes) = others(&directory).pop_last().unwrap();
        assert_eq!(name, repetition);
        assert!(bytes.starts_with(b",\n{\"timestamp\"") && torn.ends_with(&bytes));
        assert!(captured.text().contains("torn and is repaired"), "{}", captured.text());
        assert!(!captured.text().contains(&record(2).invite_code.as_str()[9..]));
    }
}

#[test]
fn garbage_behind_the_array_is_set_aside() {
    for garbage in [b"\0\0\0\0".as_slice(), b"\xff\xfe", b"}", b",{}", b"\n[]", b"</script>"] {
        let directory = tempfile::tempdir().unwrap();
        append(&mut open(&directory), &[record(1)]).unwrap();
        let mut bytes = fs::read(path(&directory)).unwrap();
        bytes.extend_from_slice(garbage);
        fs::write(path(&directory), &bytes).unwrap();
        append(&mut open(&directory), &[record(2)]).unwrap();
        assert_eq!(rounds(&path(&directory)), [1, 2]);
        assert!(others(&directory).into_values().eq([[ENDING, garbage].concat()]));
    }
}

#[test]
fn what_is_no_audit_log_is_set_aside_as_it_is() {
    for foreign in [b"{}".as_slice(), b"null", b"\0\0\0\0", b"\xff", b"   ", b"# notes\n[]"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(path(&directory), foreign).unwrap();
        append(&mut open(&directory), &[record(1)]).unwrap();
        assert_eq!(rounds(&path(&directory)), [1]);
        assert!(others(&directory).into_values().eq([foreign.to_vec()]));
    }
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(path(&directory)).unwrap();
    append(&mut open(&directory), &[record(1)]).unwrap();
    assert_eq!(rounds(&path(&directory)), [1]);
}

#[test]
fn a_file_formatted_by_hand_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(path(&directory), serde_json::to_vec_pretty(&[record(1), record(2)]).unwrap()).unwrap();
    append(&mut open(&directory), &[record(3)]).unwrap();
    assert_eq!(rounds(&path(&directory)), [1, 2, 3]);
    let mut spaced = fs::read(path(&directory)).unwrap();
    spaced.extend_from_slice(b"\n\n");
    fs::write(path(&directory), spaced).unwrap();
    append(&mut open(&directory), &[record(4)]).unwrap();
    assert_eq!(rounds(&path(&directory)), [1, 2, 3, 4]);
    assert!(others(&directory).is_empty());
}

#[test]
fn a_file_that_is_moved_deleted_or_edited_meanwhile_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = open(&directory);
    append(&mut file, &[record(1)]).unwrap();
    fs::rename(path(&directory), directory.path().join("shipped.json")).unwrap();
    append(&mut file, &[record(2)]).unwrap();
    assert_eq!(rounds(&directory.path().join("shipped.json")), [1]);
    assert_eq!(rounds(&path(&directory)), [2]);
    fs::write(path(&directory), serde_json::to_vec_pretty(&[record(7), record(8)]).unwrap()).unwrap();
    append(&mut file, &[record(9)]).unwrap();
    assert_eq!(rounds(&path(&directory)), [7, 8, 9]);
    fs::remove_dir_all(directory.path()).unwrap();
    append(&mut file, &[record(10)]).unwrap();
    assert_eq!(rounds(&path(&directory)), [10]);
}

/// How a write goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Only some bytes get into the file.
    Partial(usize),
    /// All bytes get into the file, but perhaps not to the disk.
    FlushFails,
    /// Only some bytes do, and nothing more can be done with the file.
    PartialForGood(usize),
}

/// A file whose first append goes wrong.
fn open_with_fault(directory: &TempDir, fault: Fault) -> AuditFile {
    let mut fault = Some(fault);
    let name = path(directory);
    let write: WriteAndFlush = Box::new(move |file, bytes| {
        match fault.take() {
            None => return file.write_all(bytes),
            Some(Fault::Partial(length)) => file.write_all(&bytes[..length.min(bytes.len())])?,
            Some(Fault::FlushFails) => file.write_all(bytes)?,
            Some(Fault::PartialForGood(length)) => {
                file.write_all(&bytes[..length.min(bytes.len())])?;
                // Reads only: nothing can be repaired through this one.
                *file = File::open(&name)?;
            }
        }
        Err(io::Error::from(ErrorKind::StorageFull))
    });
    AuditFile::with_write(directory.path(), 1000, clock(), write)
}

#[test]
fn a_failed_write_is_taken_back_and_its_record_is_written_once() {
    let faults = [Fault::FlushFails].into_iter();
    let partial = [0, 1, 2, 3, 100, 10_000].into_iter();
    let faults = faults.chain(partial.clone().map(Fault::Partial)).chain(partial.map(Fault::PartialForGood));
    for fault in faults {
        let directory = tempfile::tempdir().unwrap();
        append(&mut open(&directory), &[record(1)]).unwrap();
        let mut file = open_with_fault(&directory, fault);
        assert_eq!(append(&mut file, &[record(2), record(3)]).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(rounds(&path(&directory)), [1], "{fault:?}");
        assert!(others(&directory).is_empty(), "{fault:?}");
        append(&mut file, &[record(2)]).unwrap();
        assert_eq!(rounds(&path(&directory)), [1, 2], "{fault:?}");
        assert!(others(&directory).is_empty());
    }
}

#[test]
fn a_crash_in_the_middle_of_an_append_leaves_the_file_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut open(&directory), &[record(1)]).unwrap();
    // What the process was writing when it ended.
    fs::write(directory.path().join(NEXT), "[\n{\"timestamp\":\"2026-").unwrap();
    let mut file = open(&directory);
    assert!(others(&directory).is_empty());
    append(&mut file, &[record(3)]).unwrap();
    assert_eq!(rounds(&path(&directory)), [1, 3]);
    assert!(others(&directory).is_empty());
}

#[test]
fn whoever_has_the_file_open_reads_it_to_its_end_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = open(&directory);
    append(&mut file, &[record(1)]).unwrap();
    let mut reader = File::open(path(&directory)).unwrap();
    let mut text = vec![0; 100];
    reader.read_exact(&mut text).unwrap();
    append(&mut file, &[record(2)]).unwrap();
    reader.read_to_end(&mut text).unwrap();
    let records: Vec<AuditRecord> = serde_json::from_slice(&text).unwrap();
    assert_eq!(records, [record(1)]);
    assert_eq!(rounds(&path(&directory)), [1, 2]);
}

#[test]
fn the_newest_records_are_found_wherever_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = AuditFile::new(directory.path(), 3, clock());
    for round in 1..=8 {
        append(&mut file, &[record(round)]).unwrap();
    }
    let newest = |count| {
        let mut rounds: Vec<u64> = file.newest(count).unwrap().iter().map(|name| name.round.0).collect();
        rounds.sort_unstable();
        rounds
    };
    assert_eq!(newest(2), [7, 8]);
    assert_eq!(newest(3), [4, 5, 6, 7, 8]);
    assert_eq!(newest(99), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(file.newest(1).unwrap()[0].invite_code, record(7).invite_code);
    // What somebody else has put there is passed over.
    fs::write(directory.path().join("verify_of_mine.json"), "[1, {\"round\": 2}]").unwrap();
    assert_eq!(newest(99), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_what_holds_codes() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    fs::write(path(&directory), "[\n{},torn").unwrap();
    fs::set_permissions(path(&directory), PermissionsExt::from_mode(0o644)).unwrap();
    open(&directory);
    fs::write(path(&directory), "foreign").unwrap();
    let mut file = AuditFile::new(directory.path(), 1, clock());
    append(&mut file, &[record(1)]).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in [NAME, "verify.json.torn-19700101_000000", "verify_19700101_000000.json"] {
        assert_eq!(mode(directory.path().join(name)), 0o600, "{name}");
    }
}

/// Text that has broken writers of JSON before.
fn nasty_text() -> impl Strategy<Value = String> {
    let fixed = &["\"", "]", "\n]", "},\n{", "</script>", "\\", "\0", "\u{2028}", "\u{7f}", "é", "🦀", "\r\n"];
    let piece = prop_oneof![
        prop::sample::select(fixed.as_slice()).prop_map(str::to_owned),
        any::<char>().prop_map(String::from)
    ];
    prop::collection::vec(piece, 1..20).prop_map(|pieces| pieces.concat())
}

fn nasty_record() -> impl Strategy<Value = AuditRecord> {
    (nasty_text(), nasty_text(), 0.0..1e6_f64, 0..253_402_300_799_000_u64, any::<u64>()).prop_map(
        |(trace, adjustment_reason, solve_time, time_ms, round)| AuditRecord {
            timestamp: SystemTime::UNIX_EPOCH + Duration::from_millis(time_ms),
            trace_data: trace.parse().unwrap(),
            adjustment_reason,
            solve_time,
            round: puzzle::RoundNumber(round),
            ..record(1)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_is_written_and_wherever_it_is_cut_complete_records_stay(
        records in prop::collection::vec(nasty_record(), 1..6),
        cut: prop::sample::Index,
        garbage in prop_oneof![
            Just(Vec::new()),
            (prop_oneof![Just(0_u8), Just(0xff)], prop::collection::vec(any::<u8>(), 0..20))
                .prop_map(|(first, rest)| [vec![first], rest].concat()),
        ],
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut file = open(&directory);
        // Where each record ends in the file.
        let mut ends = Vec::new();
        for record in &records {
            append(&mut file, std::slice::from_ref(record)).unwrap();
            ends.push(fs::read(path(&directory)).unwrap().len() - ENDING.len());
        }
        let whole = fs::read(path(&directory)).unwrap();
        let length = cut.index(whole.len() + 1);
        let damaged = [&whole[..length], &garbage].concat();
        fs::write(path(&directory), &damaged).unwrap();

        let mut file = open(&directory);
        let complete = ends.iter().filter(|end| **end <= length).count();
        // Both through text, which may change the last bit of a number.
        let parse = |text: &[u8]| serde_json::from_slice::<Vec<serde_json::Value>>(text).unwrap();
        let expected = |records: &[AuditRecord]| parse(&serde_json::to_vec(records).unwrap());
        let read = || parse(&fs::read(path(&directory)).unwrap());
        prop_assert_eq!(read(), expected(&records[..complete]));
        // Every byte is either still in the file or set aside, but for endings.
        let kept = fs::read(path(&directory)).unwrap();
        let kept = &kept[..kept.len() - ENDING.len()];
        let rest = others(&directory).into_values().next().unwrap_or_default();
        let was_foreign = rest == damaged;
        if !was_foreign && damaged != whole {
            let everywhere = [kept, &rest].concat();
            prop_assert_eq!(everywhere.trim_ascii_end(), damaged.trim_ascii_end());
        }

        append(&mut file, &records[complete..]).unwrap();
        prop_assert_eq!(read(), expected(&records));
    }
}
