-- Azure's Run As: a group names a credential, a job the user that this had when it was started.
ALTER TABLE groups ADD COLUMN run_as TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN run_as TEXT NOT NULL DEFAULT '';
