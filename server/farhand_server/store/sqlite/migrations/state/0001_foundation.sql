-- Who this deployment is, and who may act in it.
CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE account_keys (
    account INTEGER NOT NULL REFERENCES accounts (id),
    slot TEXT NOT NULL CHECK (slot IN ('primary', 'secondary')),
    hash TEXT NOT NULL UNIQUE,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account, slot)
) STRICT;

CREATE TABLE api_tokens (
    hash TEXT PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE registration_tokens (
    id TEXT PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    group_name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    uses_left INTEGER NOT NULL CHECK (uses_left BETWEEN 0 AND uses),
    cidrs TEXT NOT NULL,
    revoked INTEGER NOT NULL
) STRICT;

-- Who could serve a job.
CREATE TABLE groups (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    group_id INTEGER NOT NULL REFERENCES groups (id),
    name TEXT NOT NULL,
    public_key BLOB NOT NULL,
    joined_with TEXT NOT NULL,
    facts TEXT NOT NULL,
    registered INTEGER NOT NULL,
    confirmed_number INTEGER NOT NULL,
    issued_number INTEGER NOT NULL,
    journal_id TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    slots INTEGER NOT NULL,
    address TEXT NOT NULL,
    last_seen INTEGER,
    UNIQUE (account, name)
) STRICT;
CREATE INDEX workers_of_group ON workers (group_id);

-- What can be run. A script is kept once, by its SHA-256.
CREATE TABLE scripts (
    digest TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT;

CREATE TABLE runbooks (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    description TEXT NOT NULL,
    draft_digest TEXT NOT NULL REFERENCES scripts (digest),
    published_digest TEXT NOT NULL,
    published_version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE runbook_versions (
    runbook INTEGER NOT NULL REFERENCES runbooks (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL REFERENCES scripts (digest),
    published INTEGER NOT NULL,
    PRIMARY KEY (runbook, version)
) STRICT;

-- What ran, runs and waits. Names stand beside ids, so that history outlives deletions.
CREATE TABLE jobs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL REFERENCES accounts (id),
    runbook TEXT NOT NULL,
    runbook_version INTEGER NOT NULL,
    runbook_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    runbook_size INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    group_name TEXT NOT NULL,
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 12),
    details TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    worker TEXT,
    worker_name TEXT NOT NULL,
    parameters TEXT NOT NULL,
    arguments TEXT NOT NULL,
    started_by TEXT NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    exit_code INTEGER,
    exit_signal INTEGER,
    exit_reason TEXT,
    exit_stopped INTEGER,
    output_bytes INTEGER NOT NULL
) STRICT;
-- Waiting jobs of a group, first in first out; numbers are those of JobStatus.
CREATE INDEX jobs_waiting ON jobs (group_id, key) WHERE status = 0;
CREATE INDEX jobs_served ON jobs (worker) WHERE status IN (1, 2, 8, 9, 10, 11);

CREATE TABLE attempts (
    job TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    worker TEXT NOT NULL,
    worker_name TEXT NOT NULL,
    granted INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT NOT NULL,
    PRIMARY KEY (job, attempt)
) STRICT;
