-- Every version of every post that was heard, with the bytes it was read from. The highest seq of an id is its latest.
CREATE TABLE posts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    network TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    collected_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (id, version)
);
CREATE INDEX posts_by_creation ON posts (created_at);
CREATE INDEX posts_by_collection ON posts (collected_at);

-- seq is the row of the full-text index: a changed text gets a new, higher seq, and what the index holds of the old
-- one points nowhere.
CREATE TABLE mentions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    post_id TEXT NOT NULL,
    brand TEXT NOT NULL,
    event_at INTEGER NOT NULL,
    deleted_at INTEGER,
    sentiment TEXT NOT NULL,
    urgency TEXT NOT NULL,
    theme TEXT NOT NULL,
    network TEXT NOT NULL,
    lang TEXT NOT NULL,
    body BLOB NOT NULL
);
-- deleted_at is in the indexes, always NULL there, because SQLite counts by an index alone only if it holds every
-- column that is asked about.
CREATE INDEX mentions_by_post ON mentions (post_id);
CREATE INDEX mentions_by_brand
    ON mentions (brand, event_at DESC, id, sentiment, urgency, theme, network, lang, deleted_at) WHERE deleted_at IS NULL;
CREATE INDEX mentions_by_time
    ON mentions (event_at DESC, id, sentiment, urgency, theme, network, lang, brand, deleted_at) WHERE deleted_at IS NULL;
-- Few mentions are urgent, and they are what people look for first.
CREATE INDEX mentions_urgent
    ON mentions (urgency, event_at DESC, id, brand, sentiment, theme, network, lang, deleted_at)
    WHERE deleted_at IS NULL AND urgency IN ('high', 'critical');

-- Word-form terms joined by spaces: a term is whatever stands between spaces.
CREATE VIRTUAL TABLE mentions_fts USING fts5 (
    terms, content = '', columnsize = 0,
    tokenize = "ascii tokenchars '!#$%&()*+,-./:;<=>?@[\]^_`{|}~'"
);

CREATE TABLE fold_states (fold TEXT NOT NULL, key TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (fold, key));
CREATE TABLE cursors (source TEXT PRIMARY KEY, cursor BLOB NOT NULL);

CREATE TABLE alerts (id TEXT PRIMARY KEY, brand TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX alerts_by_time ON alerts (at DESC, id);
CREATE INDEX alerts_by_brand ON alerts (brand, at DESC, id);

CREATE TABLE near_misses (id TEXT PRIMARY KEY, brand TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX near_misses_by_time ON near_misses (at DESC, id);
CREATE INDEX near_misses_by_brand ON near_misses (brand, at DESC, id);

CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    brand TEXT NOT NULL,
    status TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX incidents_by_time ON incidents (updated_at DESC, id);
CREATE INDEX incidents_by_brand ON incidents (brand, updated_at DESC, id);

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    receiver TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    handle TEXT NOT NULL,
    error TEXT NOT NULL,
    sent_at INTEGER,
    body BLOB NOT NULL
);
CREATE INDEX outbox_pending ON outbox (seq, next_at) WHERE status = 'pending';
CREATE INDEX outbox_waiting ON outbox (receiver, incident_id, seq, next_at) WHERE status = 'pending';
CREATE INDEX outbox_sent ON outbox (incident_id, receiver, sent_at) WHERE status = 'sent';

CREATE TABLE dead_letters (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    place TEXT NOT NULL,
    raw BLOB NOT NULL,
    at INTEGER NOT NULL,
    replayed_at INTEGER
);
CREATE INDEX dead_letters_by_time ON dead_letters (at DESC, id);

-- What the full-text index was made with.
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
