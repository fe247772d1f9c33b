-- What people did, each act once. subject is what it was done to: a mention or an incident.
CREATE TABLE acts (
    id TEXT PRIMARY KEY,
    act TEXT NOT NULL,
    brand TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX acts_by_subject ON acts (subject);
CREATE INDEX acts_by_time ON acts (at, id);

-- 1 while a mention waits for a person. No model before this shape ever asked for one.
ALTER TABLE mentions ADD COLUMN review INTEGER NOT NULL DEFAULT 0;
CREATE INDEX mentions_to_review
    ON mentions (event_at DESC, id, brand, sentiment, urgency, theme, network, lang, review, deleted_at)
    WHERE deleted_at IS NULL AND review = 1;
