"""A server with a past, made once and copied for each test."""

import shutil
from pathlib import Path

import pytest
from tests.support.server_data import with_a_past

from farhand_server.data import DataDirectory


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return with_a_past(tmp_path_factory.mktemp("past"))


@pytest.fixture
def data(past: DataDirectory, tmp_path: Path) -> DataDirectory:
    shutil.copytree(past.path, tmp_path / "data")
    return DataDirectory(tmp_path / "data")
