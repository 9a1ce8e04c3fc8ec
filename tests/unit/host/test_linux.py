"""What Linux offers a process about itself."""

import socket
from pathlib import Path

from farhand_agent.host.linux import socket_address


def test_a_socket_whose_path_is_too_long_for_an_address_is_reached_all_the_same(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    path = folder / "sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        with socket_address(path) as address:
            listener.bind(address)
        listener.listen()
        with socket_address(path) as address:
            caller.connect(address)

    assert len(str(path)) > 107
    assert path.is_socket()
