-- Test runs of drafts: in no list, removed by the next one. Version 0 is a draft.
ALTER TABLE jobs ADD COLUMN test INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_tests ON jobs (account, runbook) WHERE test = 1;
-- Jobs whose output is being removed; the number is that of JobStatus.
CREATE INDEX jobs_removing ON jobs (key) WHERE status = 12;
