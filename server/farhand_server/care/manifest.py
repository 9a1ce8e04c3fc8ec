"""What a backup says about itself: its last member, so that one cut short has none."""

import json
from dataclasses import asdict, dataclass

from farhand_server.errors import StartError

NAME = "manifest.json"
#: Raised when an older farhand-server could not restore it.
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Where a backup comes from, and every file in it."""

    #: Of farhand-server.
    version: str
    sqlite: str
    deployment: str
    #: When its state was copied, ISO 8601.
    created: str
    #: The last migration of each database.
    schema: dict[str, str]
    files: dict[str, Member]
    format: int = FORMAT

    def encode(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode() + b"\n"


def decode(content: bytes) -> Manifest:
    """Raises StartError for one that this version cannot restore."""
    try:
        fields = json.loads(content)
        if fields["format"] > FORMAT:
            raise StartError(
                "the backup was made by a newer farhand-server",
                why=f"it is of {fields['version']}",
                do="restore it with that version",
            )
        files = {name: Member(**member) for name, member in fields.pop("files").items()}
        return Manifest(**fields, files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartError(
            "the backup's manifest cannot be read", why=repr(error), do="take another backup"
        ) from error
