"""The databases that remember: each implements the ports of the engine."""
