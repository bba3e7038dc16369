-- The ledger's archive.  Columns are the fields of the journal's rows (gateway/ledger/entry.py),
-- lists and mappings as JSON.  NULL means that nobody said, which is not 0.
CREATE TABLE exchanges (
    seq           INTEGER NOT NULL PRIMARY KEY,
    run           TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    at            REAL    NOT NULL,
    key_id        TEXT    NOT NULL,
    tenant        TEXT    NOT NULL,
    app           TEXT    NOT NULL,
    klass         TEXT    NOT NULL,
    tags          TEXT    NOT NULL,
    purpose       TEXT    NOT NULL,
    subjects      TEXT    NOT NULL,
    label_sources TEXT    NOT NULL,
    mode          TEXT    NOT NULL,
    route         TEXT    NOT NULL,
    dialect       TEXT    NOT NULL,
    hop           TEXT    NOT NULL,
    is_stream     INTEGER NOT NULL,
    policy        TEXT    NOT NULL,
    epoch         INTEGER NOT NULL,
    permitted     TEXT    NOT NULL,
    excluded      TEXT    NOT NULL,
    excluded_more INTEGER NOT NULL,
    outcome       TEXT,
    status        INTEGER,
    attempts      INTEGER,
    seconds       REAL,
    overhead_s    REAL,
    dropped       TEXT,
    added         TEXT
) STRICT;

CREATE UNIQUE INDEX exchanges_id ON exchanges (id);
CREATE INDEX exchanges_open ON exchanges (run) WHERE outcome IS NULL;

CREATE TABLE attempts (
    seq               INTEGER NOT NULL PRIMARY KEY,
    run               TEXT    NOT NULL,
    id                TEXT    GENERATED ALWAYS AS (exchange || '-' || number) VIRTUAL,
    exchange          TEXT    NOT NULL REFERENCES exchanges (id),
    number            INTEGER NOT NULL,
    deployment        TEXT    NOT NULL,
    vendor            TEXT    NOT NULL,
    account           TEXT    NOT NULL,
    model             TEXT    NOT NULL,
    zone              TEXT    NOT NULL,
    at                REAL    NOT NULL,
    bytes_in          INTEGER NOT NULL,
    verdict           TEXT,
    detail            TEXT,
    charge            TEXT,
    prompt_tokens     INTEGER,
    completion_tokens INTEGER,
    cached_tokens     INTEGER,
    cost_micro        INTEGER,
    currency          TEXT,
    bytes_out         INTEGER,
    head_s            REAL,
    first_token_s     REAL,
    ended_s           REAL,
    status            INTEGER,
    peer              TEXT,
    certificate       TEXT,
    vendor_request_id TEXT,
    answered_model    TEXT,
    is_flawed         INTEGER
) STRICT;

CREATE UNIQUE INDEX attempts_id ON attempts (exchange, number);
CREATE INDEX attempts_open ON attempts (run) WHERE verdict IS NULL;

-- How far each journal segment has been moved; written in the transaction that moves the rows.
CREATE TABLE archive_progress (
    run     TEXT    NOT NULL,
    segment INTEGER NOT NULL,
    offset  INTEGER NOT NULL,
    PRIMARY KEY (run, segment)
) STRICT;
