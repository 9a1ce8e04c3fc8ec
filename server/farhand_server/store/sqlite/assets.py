"""Assets, as the rules read and write them."""

from farhand_server.model.ask import AssetRead
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.identifiers import AccountId
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.statements import Statements


class Assets(Statements):
    """The part of Tx that is about assets."""

    def asset(self, account: AccountId, kind: AssetKind, name: str) -> Asset | None:
        row = self._one(
            "SELECT * FROM assets WHERE account = ? AND kind = ? AND name = ?",
            account,
            kind.value,
            name,
        )
        return rows.asset(row) if row else None

    def save_asset(self, asset: Asset) -> None:
        self._upsert("assets", "account, kind, name", rows.asset_values(asset))

    def note_asset_read(self, read: AssetRead) -> None:
        key = (read.job, read.attempt, read.kind.value, read.name, read.version, read.written)
        known = self._one(
            "SELECT 1 FROM asset_reads WHERE job = ? AND attempt = ? AND kind = ? AND name = ? "
            "AND version = ? AND written = ?",
            *key,
        )
        if known is None:  # a job that looks again and again costs no commit
            self._write("INSERT INTO asset_reads VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, read.at))

    def delete_asset(self, asset: Asset) -> None:
        self._write(
            "DELETE FROM assets WHERE account = ? AND kind = ? AND name = ?",
            (asset.account, asset.kind.value, asset.name),
        )
