-- Times are whole seconds since 1970, UTC.

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    nick       TEXT NOT NULL COLLATE NOCASE UNIQUE,
    -- Argon2id as a PHC string; null until PASS.
    password   TEXT,
    human      INTEGER NOT NULL,
    stamped    INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE clients (
    -- SHA-256 of the cookie's value.
    key       BLOB PRIMARY KEY,
    session   TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    last_seen INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX clients_of_session ON clients(session);

CREATE TABLE channels (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL COLLATE NOCASE UNIQUE,
    topic         TEXT,
    topic_by      TEXT,
    topic_at      INTEGER,
    -- Letters of the flags that are set.
    modes         TEXT NOT NULL,
    hashcash_bits INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL
);

CREATE TABLE members (
    channel  INTEGER NOT NULL REFERENCES channels(id) ON DELETE CASCADE,
    session  TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    operator INTEGER NOT NULL,
    voice    INTEGER NOT NULL,
    PRIMARY KEY (channel, session)
) WITHOUT ROWID;
CREATE INDEX members_by_session ON members(session);

-- Who talks with whom in private, so that a conversation ends with either.
CREATE TABLE conversations (
    target TEXT PRIMARY KEY,
    one    TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    other  TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX conversations_of_one ON conversations(one);
CREATE INDEX conversations_of_other ON conversations(other);

-- The history. A target is a channel by its id, never by its name: somebody who
-- creates a channel anew does not inherit what was said in the old one.
CREATE TABLE messages (
    seq      INTEGER PRIMARY KEY,
    target   TEXT NOT NULL,
    envelope TEXT NOT NULL
);
CREATE INDEX messages_of_target ON messages(target, seq);

-- Targets that were deleted, and whose messages the clean-up has yet to delete.
CREATE TABLE garbage (target TEXT PRIMARY KEY) WITHOUT ROWID;

-- What clients had not yet fetched when the server stopped.
CREATE TABLE queues (
    client   BLOB NOT NULL REFERENCES clients(key) ON DELETE CASCADE,
    seq      INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    PRIMARY KEY (client, seq)
) WITHOUT ROWID;

-- Stamps of messages, spent for a year.
CREATE TABLE spent_hashcash (
    stamp_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);
CREATE INDEX spent_hashcash_by_age ON spent_hashcash(created_at);

-- Stamps of sessions, spent for as long as they could be shown again.
CREATE TABLE spent_session_stamps (
    stamp_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);
CREATE INDEX spent_session_stamps_by_age ON spent_session_stamps(created_at);
