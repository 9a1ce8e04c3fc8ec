-- The group of the control plane's own worker, in accounts that were made before there was one.
INSERT INTO groups (account, name, created)
SELECT id, 'cloud', CAST(strftime('%s', 'now') AS INTEGER) * 1000 FROM accounts WHERE true
ON CONFLICT DO NOTHING;
