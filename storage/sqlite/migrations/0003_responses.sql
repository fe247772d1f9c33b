-- Replies are many, and what people corrected is asked for apart from them.
CREATE INDEX acts_by_kind ON acts (act, at, id);

-- Seconds until the brand's own account first replied. Nobody knew of replies before this shape.
ALTER TABLE mentions ADD COLUMN response_seconds INTEGER;
CREATE INDEX mentions_answered
    ON mentions (brand, event_at DESC, response_seconds, sentiment, urgency, theme, network, lang, review, deleted_at)
    WHERE deleted_at IS NULL AND response_seconds IS NOT NULL;
