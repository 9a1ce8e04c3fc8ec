"""How machines join and leave, and how they do not."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from tests.acceptance.conftest import Deployment, Done


def refused(done: Done, *words: str) -> None:
    """One error on stderr that says what, why and what to do; nothing on stdout."""
    assert done.code == 1, done.err
    assert re.search(r"^error: .+\n(  why: .+\n)?  do:  ", done.err, re.MULTILINE), done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err, done.err


def left_nothing(deployment: Deployment, name: str) -> None:
    state = deployment.root / name
    assert not state.exists() or not list(state.rglob("*key*"))


def test_a_wrong_token_is_refused_and_leaves_nothing(deployment: Deployment) -> None:
    done = deployment.register("bad", "--group", "demo", "--token", "fht_00000000_wrong")

    refused(done, "Invalid Authorization Token")
    left_nothing(deployment, "bad")
    assert deployment.farhand("worker", "show", "bad").code == 1


def test_a_used_up_token_is_refused(deployment: Deployment) -> None:
    token = deployment.token()
    assert deployment.register("first", "--group", "demo", "--token", token).code == 0

    refused(deployment.register("second", "--group", "demo", "--token", token), "used up")


def test_a_revoked_token_is_refused(deployment: Deployment) -> None:
    made = deployment.json("token", "create", "--group", "demo")
    token = str(made["token"])
    assert deployment.farhand("token", "revoke", token.split("_")[1]).code == 0

    refused(deployment.register("late", "--group", "demo", "--token", token), "revoked")


def test_an_expired_token_is_refused(deployment: Deployment) -> None:
    token = deployment.token("--ttl", "1s")
    expires = datetime.now(UTC).timestamp() + 1.0
    deployment.until("it expires", lambda: datetime.now(UTC).timestamp() > expires)

    refused(deployment.register("late", "--group", "demo", "--token", token), "expired")


def test_a_token_of_another_group_is_refused(deployment: Deployment) -> None:
    token = deployment.token(group="other")

    refused(deployment.register("lost", "--group", "demo", "--token", token), "other")


def test_a_token_may_be_bound_to_networks(deployment: Deployment) -> None:
    token = deployment.token("--cidr", "10.0.0.0/8")

    refused(deployment.register("far", "--group", "demo", "--token", token), "may not be used from")


def test_the_fingerprint_of_the_authority_is_enough(deployment: Deployment) -> None:
    made = deployment.json("token", "create", "--group", "demo")

    done = deployment.call(
        "farhand-agent", "register", "--group", "demo", "--endpoint", deployment.endpoint,
        "--ca-sha256", str(made["caSha256"]), "--token", str(made["token"]),
        "--worker-name", "pinned", "--state", str(deployment.root / "pinned"),
    )  # fmt: skip

    assert done.code == 0, done.err
    assert deployment.json("worker", "show", "pinned")["group"] == "demo"


def test_a_wrong_fingerprint_is_refused(deployment: Deployment) -> None:
    done = deployment.call(
        "farhand-agent", "register", "--group", "demo", "--endpoint", deployment.endpoint,
        "--ca-sha256", "00" * 32, "--token", deployment.token(),
        "--worker-name", "mitm", "--state", str(deployment.root / "mitm"),
    )  # fmt: skip

    refused(done, "SHA-256")
    left_nothing(deployment, "mitm")


def test_a_wrong_authority_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    deployment.env["FARHAND_CONFIG"], config = (
        str(tmp_path / "c.toml"),
        deployment.env["FARHAND_CONFIG"],
    )
    deployment.run("farhand-server", "init", "--data", other)
    deployment.env["FARHAND_CONFIG"] = config

    done = deployment.call(
        "farhand-agent", "register", "--group", "demo", "--endpoint", deployment.endpoint,
        "--ca", f"{other}/ca.pem", "--token", deployment.token(),
        "--worker-name", "wrong-ca", "--state", str(deployment.root / "wrong-ca"),
    )  # fmt: skip

    refused(done, "certificate")
    left_nothing(deployment, "wrong-ca")


def test_an_unreachable_endpoint_is_reported_at_once(deployment: Deployment) -> None:
    done = deployment.call(
        "farhand-agent", "register", "--group", "demo", "--endpoint", "localhost:1",
        "--ca", str(deployment.ca), "--token", "fht_00000000_x",
        "--worker-name", "far", "--state", str(deployment.root / "far"),
    )  # fmt: skip

    refused(done, "localhost:1")


def test_an_account_key_joins_any_group_and_makes_it(deployment: Deployment) -> None:
    keys = deployment.json("key", "show")

    done = deployment.register("by-key", "--name", "brand-new", "--token", str(keys["primaryKey"]))

    assert done.code == 0, done.err
    assert deployment.json("group", "show", "brand-new")["workers"] == 1


def test_a_regenerated_key_no_longer_joins(deployment: Deployment) -> None:
    old = str(deployment.json("key", "show")["secondaryKey"])
    assert deployment.farhand("key", "regenerate", "secondary").code == 0

    refused(deployment.register("old-key", "--group", "demo", "--token", old), "Invalid")


def test_a_registered_machine_is_refused_unless_it_replaces(deployment: Deployment) -> None:
    assert deployment.register("twice", "--group", "demo", "--token", deployment.token()).code == 0

    again = deployment.register("twice", "--group", "demo", "--token", deployment.token())

    refused(again, "Machine is already registered to a different account.", "--replace")
    replaced = deployment.register(
        "twice", "--group", "demo", "--token", deployment.token(), "--replace"
    )
    assert replaced.code == 0, replaced.err


def test_remove_and_register_again_works(deployment: Deployment) -> None:
    state = deployment.root / "leaver"
    for _ in range(2):
        joined = deployment.register("leaver", "--group", "demo", "--token", deployment.token())
        assert joined.code == 0, joined.err

        removed = deployment.call("farhand-agent", "remove", "--state", str(state))

        assert removed.code == 0, removed.err
        assert deployment.farhand("worker", "show", "leaver").code == 1
        assert not list(state.rglob("*key*")) if state.exists() else True


def test_membership_is_tracked(deployment: Deployment) -> None:
    shown = deployment.json("worker", "show", "w1")

    assert shown["state"] == "WORKER_STATE_ONLINE"
    facts = shown["facts"]
    assert isinstance(facts, dict)
    assert facts["agentVersion"]
    assert "RUNBOOK_TYPE_BASH" in facts["runbookTypes"]
    assert shown["lastSeenTime"]
    listed = json.loads(deployment.farhand("-o", "json", "group", "show", "demo").out)
    assert listed["workersOnline"] == 1
