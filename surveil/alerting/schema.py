"""The tables of alerts.db, as migrations: each entry takes the schema from its index to the next version.

An entry that has been released is never edited; a change is a new entry.
"""

MIGRATIONS = (
    """
    CREATE TABLE alerts (
        row_id INTEGER PRIMARY KEY,        -- order of commit, over all cameras
        alert_id TEXT NOT NULL UNIQUE,
        store TEXT NOT NULL,               -- an alert salvaged from a damaged database keeps its old store
        camera_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        severity INTEGER NOT NULL,         -- Severity.rank
        rule_id TEXT NOT NULL,
        captured_unix_ms INTEGER NOT NULL,
        service_ms INTEGER NOT NULL,       -- how long the store had been in service at commit; see AlertStore
        body TEXT NOT NULL,                -- rows.alert_to_json
        snapshot TEXT,                     -- rows.snapshot_to_json; NULL when there is none
        snapshot_reason TEXT,              -- why there is none
        snapshot_path TEXT,
        snapshot_bytes INTEGER NOT NULL DEFAULT 0,
        clip TEXT,                         -- JSON: {path, seconds} or {reason}
        clip_path TEXT,
        clip_bytes INTEGER NOT NULL DEFAULT 0,
        seen_unix_ms INTEGER,              -- when a person acknowledged it
        UNIQUE (store, camera_id, sequence)
    );
    CREATE INDEX alerts_by_time ON alerts (captured_unix_ms);
    CREATE INDEX alerts_with_files ON alerts (row_id)
        WHERE snapshot_path IS NOT NULL OR clip_path IS NOT NULL;

    CREATE TABLE deliveries (
        destination TEXT NOT NULL,
        alert_row INTEGER NOT NULL REFERENCES alerts (row_id) ON DELETE CASCADE,
        kind TEXT NOT NULL DEFAULT 'alert', -- 'alert' or 'clip'; the alert sorts first
        parked TEXT,                        -- why it is not tried again; NULL while it waits
        PRIMARY KEY (destination, alert_row, kind)
    ) WITHOUT ROWID;
    CREATE INDEX deliveries_by_alert ON deliveries (alert_row);

    CREATE TABLE gaps (                    -- losses that a destination has not been told of yet
        gap_id INTEGER PRIMARY KEY,
        destination TEXT NOT NULL,
        store TEXT NOT NULL,
        camera_id TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        reason TEXT NOT NULL
    );

    CREATE TABLE sequences (camera_id TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;

    CREATE TABLE states (                  -- small things that a restart must not forget
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID;
    """,
)
