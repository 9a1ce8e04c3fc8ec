"""argv -> the command; what must be true before grpc is loaded is made true here."""

import os


def main() -> None:
    """Entry point of `farhand`."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from farhand_cli.app import farhand

    farhand(prog_name="farhand")


if __name__ == "__main__":
    main()
