-- The outbox of one gateway: version 3 (PRAGMA user_version).
-- A class has its own table, so that the number of an event is its row id: appends go to the end of a b-tree,
-- a range is read without an index.
CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    site TEXT NOT NULL,
    gateway TEXT NOT NULL,
    closed INTEGER NOT NULL,  -- 1: closed in good order, so the next start need not check the whole file
    synced INTEGER NOT NULL   -- counts the commits made only to bring everything before them to the disk
);
CREATE TABLE committed (
    class TEXT PRIMARY KEY,
    ranges TEXT NOT NULL      -- JSON [[first, last], ...]: what ingest has said it holds
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thinned (  -- since version 2
    class TEXT PRIMARY KEY,
    ranges TEXT NOT NULL      -- JSON [[first, last], ...]: dropped by policy, and ingest has not said yet that it knows
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS correction (  -- since version 3
    made INTEGER PRIMARY KEY,
    boot TEXT NOT NULL UNIQUE,
    quality TEXT NOT NULL,    -- who knew the time first in that boot
    offset INTEGER NOT NULL,  -- ns, UTC minus the monotonic clock
    mono INTEGER NOT NULL,    -- ns: what was stamped before this is corrected
    business INTEGER NOT NULL,   -- up to this number it is still to be gone through; 0: done
    telemetry INTEGER NOT NULL
);
CREATE TABLE business (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE telemetry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
