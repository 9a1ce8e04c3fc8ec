-- Every restore from a backup begins another generation of the deployment; `restored` is when.
ALTER TABLE deployments ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN restored INTEGER;
-- The generation for which attempt numbers of open jobs were set aside.
ALTER TABLE deployments ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;
-- The generation in which an operator let jobs be dispatched before every worker had reported.
ALTER TABLE accounts ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
-- Attempt numbers up to this one may have been given away before a restore.
ALTER TABLE jobs ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0;

-- The generation in which it reported last, and which start of which agent that was.
ALTER TABLE workers ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE workers ADD COLUMN instance_since INTEGER;
-- Other machines that showed its identity, as JSON.
ALTER TABLE workers ADD COLUMN parties TEXT NOT NULL DEFAULT '[]';
