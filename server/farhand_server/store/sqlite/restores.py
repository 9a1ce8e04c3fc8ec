"""What the rules read and write after a restore from a backup."""

from farhand_server.model.account import Generation
from farhand_server.model.identifiers import AccountId
from farhand_server.model.worker import Worker
from farhand_server.store.sqlite import job_rows, rows
from farhand_server.store.sqlite.statements import Statements


class Restores(Statements):
    """The part of Tx that is about restores."""

    def generation(self) -> Generation:
        row = self._one("SELECT generation, restored FROM deployments")
        if row is None:
            return Generation()
        return Generation(number=row["generation"], restored=row["restored"])

    def set_aside(self, numbers: int) -> None:
        if self._one("SELECT 1 FROM deployments WHERE set_aside < generation") is None:
            return
        self._write(
            "UPDATE jobs SET reserved = ? + CASE WHEN attempt > reserved THEN attempt "
            f"ELSE reserved END WHERE {job_rows.OPEN}",
            (numbers,),
        )
        self._write("UPDATE deployments SET set_aside = generation")

    def unreported(self) -> list[Worker]:
        found = self._all(
            f"{rows.WORKER_SELECT} JOIN accounts ON accounts.id = workers.account "
            "JOIN deployments ON deployments.generation > workers.generation "
            "AND deployments.generation > accounts.released ORDER BY workers.name"
        )
        return [rows.worker(row) for row in found]

    def release(self, account: AccountId) -> None:
        self._write(
            "UPDATE accounts SET released = (SELECT generation FROM deployments) WHERE id = ?",
            (account,),
        )
