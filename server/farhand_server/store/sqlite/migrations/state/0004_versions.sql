-- Words that operators sort runbooks by, as a JSON object.
ALTER TABLE runbooks ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';

-- Who published it last, and when; of earlier versions, nobody had asked.
ALTER TABLE runbooks ADD COLUMN published INTEGER;
ALTER TABLE runbooks ADD COLUMN published_by TEXT NOT NULL DEFAULT '';
ALTER TABLE runbook_versions ADD COLUMN published_by TEXT NOT NULL DEFAULT '';
UPDATE runbooks SET published = (
    SELECT published FROM runbook_versions
    WHERE runbook = runbooks.id AND version = runbooks.published_version
);
