-- What happens to jobs whose attempt may have run and does not report.
ALTER TABLE accounts ADD COLUMN delivery TEXT NOT NULL DEFAULT 'at-most-once';

-- Empty and 0: the default.
ALTER TABLE runbooks ADD COLUMN delivery TEXT NOT NULL DEFAULT '';
ALTER TABLE runbooks ADD COLUMN lost_after INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runbooks ADD COLUMN timeout INTEGER NOT NULL DEFAULT 0;

ALTER TABLE jobs ADD COLUMN delivery TEXT NOT NULL DEFAULT 'at-most-once';
ALTER TABLE jobs ADD COLUMN lost_after INTEGER NOT NULL DEFAULT 86400;
ALTER TABLE jobs ADD COLUMN timeout INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN suspension TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN may_run INTEGER NOT NULL DEFAULT 0;
-- JSON: journal, boot and machine on which the current attempt was granted or found.
ALTER TABLE jobs ADD COLUMN ground TEXT NOT NULL DEFAULT '["", "", ""]';
ALTER TABLE jobs ADD COLUMN away_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN stop_grace_ms INTEGER NOT NULL DEFAULT 30000;

-- Jobs that were suspended before could only be of one kind.
UPDATE jobs SET suspension = 'indeterminate' WHERE status = 7;
UPDATE jobs SET may_run = 1 WHERE status IN (1, 2, 7, 8, 9, 10, 11);

-- Jobs whose current attempt a worker holds, or may hold; numbers are those of JobStatus.
DROP INDEX jobs_served;
CREATE INDEX jobs_served ON jobs (worker)
WHERE status IN (1, 2, 8, 9, 10, 11) OR (status = 7 AND may_run = 1);
