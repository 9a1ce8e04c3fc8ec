-- Values of secret parameters, sealed; `parameters` and `arguments` hold a mask in their place.
ALTER TABLE jobs ADD COLUMN sealed BLOB;
