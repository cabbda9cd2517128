-- The highest numbers that were ever given out: none comes back, whatever was deleted.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters SELECT 'channel', max(id) FROM (
    SELECT 1 AS id
    UNION ALL SELECT id FROM channels
    UNION ALL SELECT CAST(substr(target, 2) AS INTEGER) FROM messages WHERE target LIKE 'c%'
    UNION ALL SELECT CAST(substr(target, 2) AS INTEGER) FROM garbage WHERE target LIKE 'c%'
);
INSERT INTO counters SELECT 'event', max(seq) FROM (
    SELECT 0 AS seq
    UNION ALL SELECT max(seq) FROM messages
    UNION ALL SELECT max(seq) FROM queues
);

-- From which event's number on a member and a client hear what is said: after a crash
-- their queues are read from the history.
ALTER TABLE members ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- What the queues held when the server stopped: every line once, however many clients
-- have it, unless it is in the history anyway.
CREATE TABLE lines (
    seq      INTEGER PRIMARY KEY,
    envelope TEXT NOT NULL
);
INSERT OR IGNORE INTO lines SELECT seq, envelope FROM queues;
ALTER TABLE queues RENAME TO queues_of_version_1;
CREATE TABLE queues (
    client  BLOB PRIMARY KEY REFERENCES clients(key) ON DELETE CASCADE,
    -- The numbers of its lines in order, each as its distance from the one before, as
    -- LEB128.
    numbers BLOB NOT NULL
) WITHOUT ROWID;

-- The networks that a session has logged in from: the first 24 bits of an IPv4 address
-- or the first 48 of an IPv6 one.
CREATE TABLE known_networks (
    session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    network TEXT NOT NULL,
    PRIMARY KEY (session, network)
) WITHOUT ROWID;
