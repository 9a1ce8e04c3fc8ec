"""The sandbox stands on tmpfs that is ours, always on the same one, and else on the disk."""

import os
from pathlib import Path

import pytest

from farhand_agent.host.folder import NotOurs
from farhand_agent.host.ground import filesystem_type, own_root_half, root_half, sandbox_root


def test_the_users_runtime_directory_is_taken_if_it_is_on_tmpfs(tmp_path: Path) -> None:
    root = sandbox_root(
        tmp_path / "state",
        environ={"XDG_RUNTIME_DIR": str(tmp_path)},
        filesystem=lambda path: "tmpfs" if path == tmp_path else "ext4",
    )

    assert root.parent == tmp_path / "farhand-agent"
    # Root's scripts may run as other users, which must get to what is theirs below it.
    passable = 0o011 if os.geteuid() == 0 else 0
    assert root.parent.stat().st_mode & 0o777 == 0o700 | passable


def test_every_state_directory_has_its_own_place_and_keeps_it(tmp_path: Path) -> None:
    def root(state: str) -> Path:
        return sandbox_root(
            tmp_path / state,
            environ={"XDG_RUNTIME_DIR": str(tmp_path)},
            filesystem=lambda path: "tmpfs" if path == tmp_path else "ext4",
        )

    assert root("one") == root("one") != root("two")


@pytest.mark.parametrize("runtime", [None, "relative", "/nowhere"])
def test_without_tmpfs_it_stands_in_the_state_directory(
    tmp_path: Path, runtime: str | None
) -> None:
    environ = {} if runtime is None else {"XDG_RUNTIME_DIR": runtime}
    root = sandbox_root(tmp_path, environ=environ, filesystem=lambda path: "ext4")

    assert root == root_half(tmp_path) / "sandbox"


def test_ground_that_somebody_else_has_taken_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "farhand-agent").symlink_to("/tmp")
    root = sandbox_root(
        tmp_path,
        environ={"XDG_RUNTIME_DIR": str(tmp_path)},
        filesystem=lambda path: "tmpfs" if path == tmp_path else "ext4",
    )

    assert root == root_half(tmp_path) / "sandbox"


@pytest.mark.skipif(os.geteuid() == 0, reason="of an ordinary user's agent")
def test_an_ordinary_users_agent_has_one_state_directory(tmp_path: Path) -> None:
    assert own_root_half(tmp_path) == tmp_path.resolve()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives directories to another user")
def test_roots_part_of_the_state_directory_is_roots_and_lets_others_pass(tmp_path: Path) -> None:
    state = tmp_path / "agent"
    state.mkdir(mode=0o700)
    os.chown(state, 12345, -1)
    (tmp_path / "link").symlink_to(state)
    part = own_root_half(state)

    assert part == root_half(tmp_path / "link") == tmp_path.resolve() / "agent.jobs"
    assert (part.stat().st_uid, part.stat().st_mode & 0o777) == (0, 0o711)
    part.rmdir()
    os.symlink("/tmp", part)
    with pytest.raises(NotOurs):
        own_root_half(state)


def test_the_kernel_is_asked_what_a_directory_stands_on(tmp_path: Path) -> None:
    assert filesystem_type(Path("/proc/self/fd")) == "proc"
    assert filesystem_type(tmp_path) not in ("", "proc")
    if os.path.ismount("/dev/shm"):
        assert filesystem_type(Path("/dev/shm")) == "tmpfs"
