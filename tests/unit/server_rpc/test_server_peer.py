"""Where a stream comes from."""

import pytest

from farhand_server.rpc.connect import address


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:10.0.0.7:4711", "10.0.0.7"),
        ("ipv6:%5B::1%5D:4711", "::1"),
        ("ipv6:[2001:db8::2]:1", "2001:db8::2"),
        ("unix:/run/x", "unix:/run/x"),
        ("", ""),
    ],
)
def test_the_address_of_a_peer_is_found(peer: str, expected: str) -> None:
    assert address(peer) == expected
