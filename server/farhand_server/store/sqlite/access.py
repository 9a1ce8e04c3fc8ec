"""The account, and secrets that let machines join, as the rules read and write them."""

from farhand_server.model.account import Account, AccountKey, RegistrationToken
from farhand_server.model.identifiers import AccountId
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.statements import Statements


class Access(Statements):
    """The part of Tx that is about accounts, keys and tokens."""

    def registration_token(self, token: str) -> RegistrationToken | None:
        row = self._one("SELECT * FROM registration_tokens WHERE hash = ? OR id = ?", token, token)
        return rows.registration_token(row) if row else None

    def save_registration_token(self, token: RegistrationToken) -> None:
        self._upsert("registration_tokens", "id", rows.registration_token_values(token))

    def account_key(self, hash_: str) -> AccountKey | None:
        row = self._one("SELECT * FROM account_keys WHERE hash = ?", hash_)
        return rows.account_key(row) if row else None

    def save_account_key(self, key: AccountKey) -> None:
        self._upsert(
            "account_keys",
            "account, slot",
            {
                "account": key.account,
                "slot": key.slot.value,
                "hash": key.hash,
                "sealed": key.sealed,
            },
        )

    def account(self, account: AccountId) -> Account:
        row = self._one("SELECT * FROM accounts WHERE id = ?", account)
        assert row is not None, "everything belongs to an account, and accounts stay"
        return rows.account(row)

    def save_account(self, account: Account) -> None:
        self._write(
            "UPDATE accounts SET delivery = ?, grants_listed_only = ? WHERE id = ?",
            (account.delivery.value, account.grants_listed_only, account.id),
        )
