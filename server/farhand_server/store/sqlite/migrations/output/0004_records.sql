-- Records, which are entries of streams, counted as lines are. Unknown of what was stored before that.
ALTER TABLE spools ADD COLUMN records INTEGER;
ALTER TABLE chunks ADD COLUMN records_before INTEGER;
