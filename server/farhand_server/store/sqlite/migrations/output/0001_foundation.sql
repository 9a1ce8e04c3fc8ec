-- The spool of each attempt: how much of it is here, and how much of that survives a loss of power.
CREATE TABLE spools (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    size INTEGER NOT NULL,
    durable INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    payload INTEGER NOT NULL,
    opened INTEGER,
    UNIQUE (job, attempt)
) STRICT;

-- Whole entries, at most 64 KiB; id is the sequence in commit order.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    spool INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    lines_before INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (spool, offset)
) STRICT;
