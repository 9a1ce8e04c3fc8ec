"""The gRPC edge: unpack, authorize, ask the engine, pack."""
