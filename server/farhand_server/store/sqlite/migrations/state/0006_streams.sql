-- Which streams are shown to whoever names none: Azure's two switches, and what a job was started with.
ALTER TABLE runbooks ADD COLUMN log_verbose INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runbooks ADD COLUMN log_progress INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN log_verbose INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN log_progress INTEGER NOT NULL DEFAULT 0;
