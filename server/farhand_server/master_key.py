"""The master key: which one opens what is kept, whether it does, and how another takes its place.

A change is a new key file beside the old one, then one transaction that seals everything for it,
then a rename. Whatever cuts it off in between, the rows tell which of the two files is meant.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farhand_server.core.parameters import MASK
from farhand_server.core.ports import Chance
from farhand_server.data import DataDirectory, Lock, sync_directory, write_new
from farhand_server.errors import StartError
from farhand_server.model.account import AccountKey
from farhand_server.secrets import MasterKey
from farhand_server.store import sqlite
from farhand_server.vault import KEY_BYTES, RESTORE, Vault, key_id

#: Boxes of each kind that are opened at a start.
SAMPLE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What was done. Ids tell keys apart, and nothing of them."""

    before: str
    after: str
    #: Secrets that are sealed for the new key, account keys not among them.
    boxes: int


def current(data: DataDirectory) -> Path:
    """The file of the key that everything is sealed with. Raises StartError if none is."""
    fresh = data.new_master_key
    if not fresh.exists():
        return data.master_key
    keys = sqlite.account_keys(data.state)
    for path in (data.master_key, fresh):
        if _opens(path, keys):
            return path
    raise StartError(
        f"what this server keeps opens neither with {data.master_key} nor with {fresh.name}",
        why=f"they are the keys {_id(data.master_key)} and {_id(fresh)}",
        do=RESTORE,
    )


def settle(data: DataDirectory) -> None:
    """Ends a change that was cut off, one way or the other. For whoever holds the lock. Raises
    StartError."""
    fresh = data.new_master_key
    if not fresh.exists():
        return
    if current(data) == fresh:
        os.rename(fresh, data.master_key)
    else:
        fresh.unlink()
    sync_directory(data.path)


def rotate(data: DataDirectory, *, chance: Chance) -> Rotation:
    """Makes a new key and seals every data key, and the account keys, with it; nothing else is
    touched. Raises StartError, also where a server runs; then the old key is still the key."""
    data.check()
    with Lock(data.lock):
        settle(data)
        sqlite.upgrade(data.path)
        old, new = data.master_key.read_bytes(), chance(KEY_BYTES)
        vault, fresh = Vault(old, chance=chance), Vault(new, chance=chance)
        vault.check(sqlite.sealing_keys(data.state))
        box, new_box = MasterKey(old), MasterKey(new)
        write_new(data.new_master_key, new)
        try:
            count = sqlite.reseal(
                data.state,
                box=lambda sealed, place: vault.rewrap(sealed, place, fresh),
                key=lambda key: new_box.seal_key(box.open_key(key), key.account, key.slot, chance),
            )
        finally:
            settle(data)
    return Rotation(before=key_id(old).hex(), after=key_id(new).hex(), boxes=count)


def prove(vault: Vault, box: MasterKey, state: Path) -> None:
    """That what should be sealed is, and opens: the account keys, every asset as far as its row
    tells, and what is in the boxes of a sample. Raises StartError."""
    vault.check(sqlite.sealing_keys(state))
    for key in sqlite.account_keys(state):
        box.open_key(key)
    clear = sqlite.clear_secrets(state)
    for each in sqlite.boxes(state, SAMPLE):
        opened = json.loads(vault.open(each.sealed, each.place))
        if any(each.shown.get(name, MASK) != MASK for name in opened):
            clear.append(each.name)
    if clear:
        raise StartError(
            f"secrets stand in clear in {state}: {', '.join(clear[:5])}",
            why="no farhand-server writes them so: somebody changed the database",
            do="restore a backup, and think about who may have read them",
        )


def _opens(path: Path, keys: Sequence[AccountKey]) -> bool:
    try:
        box = MasterKey(path.read_bytes())
        for key in keys:
            box.open_key(key)
    except StartError:  # also a file that was not written to its end
        return False
    return True


def _id(path: Path) -> str:
    return key_id(path.read_bytes()).hex()
