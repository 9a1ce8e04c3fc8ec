"""argv -> the command; what must be true before grpc is loaded is made true here."""

import os
import sys


def main() -> None:
    """Entry point of `farhand`."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    try:
        from farhand_cli.app import farhand
    except ModuleNotFoundError as missing:
        sys.exit(
            f"error: the operator's command is not installed on this machine ({missing.name})\n"
            "  do:  pip install 'farhand[cli]'"
        )

    farhand(prog_name="farhand")


if __name__ == "__main__":
    main()
