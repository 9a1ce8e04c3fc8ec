-- What jobs ask for: children, and what they may use of the assets of their account.
ALTER TABLE jobs ADD COLUMN parent TEXT;
ALTER TABLE jobs ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN stop_with_parent INTEGER NOT NULL DEFAULT 0;
-- The last question of the current attempt that changed something: asked again, it does nothing.
ALTER TABLE jobs ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_by_parent ON jobs (parent) WHERE parent IS NOT NULL;
-- A list; null: as the account says.
ALTER TABLE runbooks ADD COLUMN grants TEXT;
ALTER TABLE accounts ADD COLUMN grants_listed_only INTEGER NOT NULL DEFAULT 0;
-- Which version of an asset an attempt has read or written, and when first.
CREATE TABLE asset_reads (
    job TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    written INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (job, attempt, kind, name, version, written)
) STRICT;
