-- What the worker reported of the spool instead, in words; empty where both agree.
ALTER TABLE spools ADD COLUMN mismatch TEXT NOT NULL DEFAULT '';
