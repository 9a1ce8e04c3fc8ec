"""What tests need and a machine may lack."""

import os
from typing import NoReturn

import pytest


def absent(what: str, install: str) -> NoReturn:
    """Skips where this is not there, and fails in CI, which must have it."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {what} ({install})")
    pytest.skip(f"there is no {what} on this machine")
