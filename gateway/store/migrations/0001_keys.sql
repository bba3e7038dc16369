-- Keys of ours.  The secret itself is nowhere: `digest` is the SHA-256 of 256 random bits.
CREATE TABLE keys (
    id            TEXT    NOT NULL PRIMARY KEY,
    digest        BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32),
    tenant        TEXT    NOT NULL,
    app           TEXT    NOT NULL,
    floor         TEXT    NOT NULL CHECK (floor <> ''),
    tags          TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
    purpose       TEXT,
    max_in_flight INTEGER CHECK (max_in_flight > 0),
    is_admin      INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
    created_at    REAL    NOT NULL,
    revoked_at    REAL
) STRICT;

-- One number that moves with every change, whoever makes it: a running gateway looks at this
-- alone.  (PRAGMA data_version moves with every batch of the ledger as well.)
CREATE TABLE keys_version (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    version  INTEGER NOT NULL
) STRICT;
INSERT INTO keys_version VALUES (1, 0);

CREATE TRIGGER keys_inserted AFTER INSERT ON keys BEGIN
    UPDATE keys_version SET version = version + 1;
END;
CREATE TRIGGER keys_updated AFTER UPDATE ON keys BEGIN
    UPDATE keys_version SET version = version + 1;
END;
CREATE TRIGGER keys_deleted AFTER DELETE ON keys BEGIN
    UPDATE keys_version SET version = version + 1;
END;
