"""What is told to people who look after an agent."""

import os
from contextlib import suppress


def log(text: object) -> None:
    """Say it on standard error. A disk that is full must not end what only tells of it."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())
