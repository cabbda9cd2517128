-- Times are milliseconds since 1970, durations nanoseconds.

-- What happened, in order. Never changed, never deleted.
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    round INTEGER NOT NULL,
    body TEXT NOT NULL,
    chain BLOB NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- How far the ledger has come: one row, so that a start need not look through the
-- entries.
CREATE TABLE race (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- The newest entry; 0 before the first.
    seq INTEGER NOT NULL,
    chain BLOB NOT NULL CHECK (length(chain) = 32),
    entry_at INTEGER NOT NULL,
    -- The time of the newest transaction.
    at INTEGER NOT NULL,
    -- The newest round with the entries that opened and ended it; 0 if there is none.
    round INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    mining_time INTEGER NOT NULL,
    noted_at INTEGER NOT NULL,
    -- The highest numbers that were given.
    rounds INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    tickets INTEGER NOT NULL,
    -- With what the ledger is written.
    secret BLOB,
    cost TEXT,
    rule TEXT,
    -- Counts the writes that only tried whether writing works.
    probes INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO race (id, seq, chain, entry_at, at, round, opened, ended, mining_time, noted_at,
                  rounds, channels, sessions, tickets)
VALUES (1, 0, zeroblob(32), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- One row a win: no round can have two winners, no ticket can win twice.
CREATE TABLE wins (
    round INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL REFERENCES entries,
    ticket INTEGER NOT NULL UNIQUE,
    session TEXT NOT NULL,
    visitor TEXT NOT NULL,
    network TEXT NOT NULL,
    code_digest BLOB NOT NULL CHECK (length(code_digest) = 32)
) STRICT;
CREATE INDEX wins_by_session ON wins (session, round);
CREATE INDEX wins_by_code ON wins (code_digest);

-- What other servers have to be told. Ids are never used again: they are the order.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id TEXT NOT NULL UNIQUE,
    receiver TEXT NOT NULL,
    round INTEGER,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    failing_since INTEGER,
    last_answer TEXT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'parked', 'delivered'))
) STRICT;
CREATE INDEX deliveries_waiting ON deliveries (receiver, id) WHERE state = 'waiting';
CREATE INDEX deliveries_parked ON deliveries (id) WHERE state = 'parked';
CREATE INDEX deliveries_delivered ON deliveries (id) WHERE state = 'delivered';

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    nick TEXT,
    human INTEGER NOT NULL,
    stamped INTEGER NOT NULL,
    visitor TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    renews INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX clients_by_session ON clients (session);
CREATE INDEX clients_by_expiry ON clients (expires_at);

CREATE TABLE spent_tokens (
    token BLOB PRIMARY KEY CHECK (length(token) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_tokens_by_expiry ON spent_tokens (expires_at);

CREATE TABLE strikes (
    session TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX strikes_by_end ON strikes (until);

-- How far the readers of the entries have come.
CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
