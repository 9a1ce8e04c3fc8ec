"""Assets, as the rules read and write them."""

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

    def delete_asset(self, asset: Asset) -> None:
        self._write(
            "DELETE FROM assets WHERE account = ? AND kind = ? AND name = ?",
            (asset.account, asset.kind.value, asset.name),
        )
