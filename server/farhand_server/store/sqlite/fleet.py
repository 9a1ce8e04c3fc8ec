"""Groups and workers, as the rules read and write them."""

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, WorkerId
from farhand_server.model.worker import Group, Worker
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.statements import Statements


class Fleet(Statements):
    """The part of Tx that is about groups and workers."""

    def group(self, account: AccountId, name: str) -> Group | None:
        row = self._one("SELECT * FROM groups WHERE account = ? AND name = ?", account, name)
        return rows.group(row) if row else None

    def add_group(self, account: AccountId, name: str, created: UnixMs) -> Group:
        self._write(
            "INSERT INTO groups (account, name, created) VALUES (?, ?, ?)",
            (account, name, created),
        )
        group = self.group(account, name)
        assert group is not None
        return group

    def save_group(self, group: Group) -> None:
        self._write("UPDATE groups SET run_as = ? WHERE id = ?", (group.run_as, group.id))

    def groups_that_run_as(self, account: AccountId, credential: str) -> list[Group]:
        found = self._all(
            "SELECT * FROM groups WHERE account = ? AND run_as = ? ORDER BY name",
            account,
            credential,
        )
        return [rows.group(row) for row in found]

    def delete_group(self, group: GroupId) -> None:
        self._write("DELETE FROM groups WHERE id = ?", (group,))

    def worker(self, worker: WorkerId) -> Worker | None:
        row = self._one(f"{rows.WORKER_SELECT} WHERE workers.id = ?", worker)
        return rows.worker(row) if row else None

    def worker_named(self, account: AccountId, name: str) -> Worker | None:
        row = self._one(
            f"{rows.WORKER_SELECT} WHERE workers.account = ? AND workers.name = ?", account, name
        )
        return rows.worker(row) if row else None

    def members(self, group: GroupId) -> list[Worker]:
        found = self._all(
            f"{rows.WORKER_SELECT} WHERE workers.group_id = ? ORDER BY workers.name", group
        )
        return [rows.worker(row) for row in found]

    def save_worker(self, worker: Worker) -> None:
        self._upsert("workers", "id", rows.worker_values(worker))

    def delete_worker(self, worker: WorkerId) -> None:
        self._write("DELETE FROM workers WHERE id = ?", (worker,))
