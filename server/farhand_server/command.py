"""Where `farhand-server` begins: an agent's host has the package, but not what a server needs."""

import sys


def main() -> int:
    """Gives the exit status."""
    try:
        from farhand_server.__main__ import main as serve
    except ModuleNotFoundError as missing:
        print(
            f"error: the control plane is not installed on this machine ({missing.name})\n"
            "  do:  pip install 'farhand[server]'",
            file=sys.stderr,
        )
        return 1
    return serve()
