"""Runbooks, their versions and scripts, as the rules read and write them."""

import json
import sqlite3
from collections import OrderedDict

from farhand_server.model.identifiers import AccountId, RunbookId
from farhand_server.model.runbook import Runbook
from farhand_server.store.sqlite import rows
from farhand_server.store.sqlite.statements import Statements

#: Scripts kept in memory; they never change, being named by their hash.
SCRIPTS = 32


class Runbooks(Statements):
    """The part of Tx that is about runbooks."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._scripts: OrderedDict[str, bytes] = OrderedDict()

    def runbook(self, account: AccountId, name: str) -> Runbook | None:
        row = self._one("SELECT * FROM runbooks WHERE account = ? AND name = ?", account, name)
        return rows.runbook(row) if row else None

    def save_runbook(self, runbook: Runbook, *, script: bytes | None = None) -> Runbook:
        if script is not None:
            self._write(
                "INSERT INTO scripts (digest, content) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (runbook.draft_digest, script),
            )
        values = {
            "id": runbook.id or None,
            "account": runbook.account,
            "name": runbook.name,
            "type": runbook.type.value,
            "description": runbook.description,
            "draft_digest": runbook.draft_digest,
            "published_digest": runbook.published_digest,
            "published_version": runbook.published_version,
            "published": runbook.published,
            "published_by": runbook.published_by,
            "tags": json.dumps(dict(runbook.tags)),
            "delivery": runbook.delivery.value if runbook.delivery else "",
            "lost_after": runbook.lost_after,
            "timeout": runbook.timeout,
            "log_verbose": runbook.log_verbose,
            "log_progress": runbook.log_progress,
            "grants": None if runbook.grants is None else json.dumps(runbook.grants),
            "created": runbook.created,
            "modified": runbook.modified,
        }
        if not runbook.id:
            values.pop("id")
        self._upsert("runbooks", "account, name", values)
        saved = self.runbook(runbook.account, runbook.name)
        assert saved is not None
        if saved.published_version:
            self._write(
                "INSERT INTO runbook_versions (runbook, version, digest, published, published_by) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    *(saved.id, saved.published_version, saved.published_digest),
                    *(saved.published or saved.modified, saved.published_by),
                ),
            )
        return saved

    def delete_runbook(self, runbook: RunbookId) -> None:
        self._write("DELETE FROM runbooks WHERE id = ?", (runbook,))

    def version(self, runbook: RunbookId, version: int) -> str | None:
        row = self._one(
            "SELECT digest FROM runbook_versions WHERE runbook = ? AND version = ?",
            runbook,
            version,
        )
        return str(row["digest"]) if row else None

    def script(self, digest: str) -> bytes:
        known = self._scripts.get(digest)
        if known is None:
            row = self._one("SELECT content FROM scripts WHERE digest = ?", digest)
            assert row is not None, "a runbook's script is never deleted"
            known = self._scripts[digest] = bytes(row["content"])
            if len(self._scripts) > SCRIPTS:
                self._scripts.popitem(last=False)
        return known
