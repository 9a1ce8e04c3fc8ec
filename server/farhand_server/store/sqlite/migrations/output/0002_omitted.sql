-- Offsets of what was left out of a spool that grew beyond output_max; equal where nothing was.
ALTER TABLE spools ADD COLUMN omitted_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spools ADD COLUMN omitted_to INTEGER NOT NULL DEFAULT 0;
