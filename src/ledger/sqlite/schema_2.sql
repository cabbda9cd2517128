-- How many rounds were won and when the last one was; the newest entry of the drop. 0 for
-- none.
ALTER TABLE race ADD COLUMN wins INTEGER NOT NULL DEFAULT 0;
ALTER TABLE race ADD COLUMN won_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE race ADD COLUMN drop_entry INTEGER NOT NULL DEFAULT 0;
UPDATE race SET
    wins = (SELECT count(*) FROM wins),
    won_at = ifnull((SELECT at FROM entries WHERE seq = (SELECT max(seq) FROM wins)), 0),
    drop_entry = ifnull((SELECT max(seq) FROM entries WHERE kind = 'drop'), 0);

-- Who has won how much.
CREATE INDEX wins_by_network ON wins (network, visitor);

-- The codes of a list that are handed out, in order, each once: with the round that was
-- won with it.
CREATE TABLE listed_codes (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL UNIQUE,
    round INTEGER
) STRICT;
CREATE INDEX listed_codes_left ON listed_codes (position) WHERE round IS NULL;
