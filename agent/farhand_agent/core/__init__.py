"""The rules of a worker: events in, effects out. No wire, no sockets, no clock."""
