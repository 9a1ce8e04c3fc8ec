"""Makes development certificates: `python certs/make.py [DIRECTORY]` (certs/dev if not given).

They are made by the same code as those of `farhand-server init`, for names that no real server has.
"""

import argparse
import datetime
from collections.abc import Sequence
from pathlib import Path

from farhand_server import certificates
from farhand_server.data import DataDirectory, write_new

HOSTS = ("dev.farhand.invalid", "localhost", "127.0.0.1", "::1")


def make(directory: Path) -> DataDirectory:
    """An authority and a server certificate. Raises FileExistsError rather than replace any."""
    now = datetime.datetime.now(datetime.UTC)
    authority = certificates.make_authority(now, name="Farhand development CA")
    server = certificates.make_server(authority, HOSTS, now)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = DataDirectory(directory)
    write_new(made.ca_key, authority.key)
    write_new(made.ca_certificate, authority.certificate)
    write_new(made.key, server.key)
    write_new(made.certificate, server.certificate)
    return made


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Makes development certificates.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(__file__).parent / "dev")
    made = make(parser.parse_args(argv).directory)
    fingerprint = certificates.fingerprint(made.ca_certificate.read_bytes())
    print(f"{made.ca_certificate}\nsha256 {fingerprint}")


if __name__ == "__main__":
    main()
