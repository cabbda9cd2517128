-- What became of the code of a win: until when it is valid, the entries that say that it was
-- redeemed or revoked, and whether it has gone back into the supply after it expired.
ALTER TABLE wins ADD COLUMN expires_at INTEGER;
ALTER TABLE wins ADD COLUMN redeemed INTEGER REFERENCES entries;
ALTER TABLE wins ADD COLUMN revoked INTEGER REFERENCES entries;
ALTER TABLE wins ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
CREATE INDEX wins_redeemed ON wins (round) WHERE redeemed IS NOT NULL;
CREATE INDEX wins_revoked ON wins (round) WHERE revoked IS NOT NULL;
CREATE INDEX wins_unused ON wins (round) WHERE redeemed IS NULL AND revoked IS NULL;
CREATE INDEX wins_returnable ON wins (expires_at, round)
    WHERE expires_at IS NOT NULL AND redeemed IS NULL AND revoked IS NULL AND returned = 0;

-- How many codes have gone back into the supply.
ALTER TABLE race ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;

-- The keys of other servers; not even a revoked one gives its name to another.
CREATE TABLE api_keys (
    name TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- What other servers were answered that may ask the same again.
CREATE TABLE kept_answers (
    name BLOB PRIMARY KEY CHECK (length(name) = 32),
    request BLOB NOT NULL CHECK (length(request) = 32),
    refusal TEXT,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_answers_by_time ON kept_answers (at, name);
