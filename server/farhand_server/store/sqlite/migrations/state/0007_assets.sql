-- What runbooks fetch while they run; `sealed` opens only with the vault's key, and in this row.
CREATE TABLE assets (
    account INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('variable', 'credential', 'certificate', 'connection')),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    encrypted INTEGER NOT NULL,
    content TEXT NOT NULL,
    sealed BLOB,
    secrets TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    PRIMARY KEY (account, kind, name)
) STRICT;
