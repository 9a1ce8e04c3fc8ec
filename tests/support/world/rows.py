"""What is in the database when a world begins: an account with a key, a group, some runbooks."""

import hashlib
from dataclasses import replace

from tests.support.memory import Tables

from farhand_server.model.account import Account, AccountKey, KeySlot, Principal
from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId, GroupId, RunbookId
from farhand_server.model.runbook import Delivery, Runbook, RunbookType
from farhand_server.model.worker import Group

ACCOUNT = AccountId(1)
OPERATOR = Principal(account=ACCOUNT, account_name="default", name="owner")
KEY = AccountKey(account=ACCOUNT, slot=KeySlot.PRIMARY, hash="a" * 64, sealed=b"")
GROUP = Group(id=GroupId(1), account=ACCOUNT, name="dc1", created=UnixMs(0))
SCRIPTS = {RunbookType.BASH: b"echo hi\n", RunbookType.PYTHON: b"print('hi')\n"}


def digest(script: bytes) -> str:
    return hashlib.sha256(script).hexdigest()


#: A bash runbook whose jobs may run again.
AGAIN = "again"
#: What a job of the Python runbook has, in seconds.
TIMEOUT = 90


def published(id_: int, type_: RunbookType) -> Runbook:
    """A runbook named by its type."""
    return Runbook(
        id=RunbookId(id_),
        account=ACCOUNT,
        name=type_.value,
        type=type_,
        draft_digest=digest(SCRIPTS[type_]),
        published_digest=digest(SCRIPTS[type_]),
        published_version=1,
        timeout=TIMEOUT if type_ is RunbookType.PYTHON else 0,
        created=UnixMs(0),
        modified=UnixMs(0),
    )


def first_rows() -> Tables:
    runbooks = [published(id_, type_) for id_, type_ in enumerate(SCRIPTS, 1)]
    again = published(len(runbooks) + 1, RunbookType.BASH)
    runbooks.append(replace(again, name=AGAIN, delivery=Delivery.AT_LEAST_ONCE))
    return Tables(
        accounts={ACCOUNT: Account(id=ACCOUNT, name="default")},
        groups={GROUP.id: GROUP},
        runbooks={runbook.id: runbook for runbook in runbooks},
        versions={(runbook.id, 1): runbook.published_digest for runbook in runbooks},
        scripts={digest(script): script for script in SCRIPTS.values()},
        keys={(KEY.account, KEY.slot): KEY},
    )
