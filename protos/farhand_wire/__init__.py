"""What server, agent and operator's command agree on: messages, limits, the signed transcript."""

__version__ = "0.1.0"
