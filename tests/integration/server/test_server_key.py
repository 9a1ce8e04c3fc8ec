"""Another master key, as an operator makes one."""

from pathlib import Path

from tests.support.edge import Caller
from tests.support.server_process import farhand_server, reach, server_process

from farhand_wire.v1 import account_pb2, asset_pb2


async def keys(owner: Caller) -> tuple[str, str]:
    answer = await owner.ask(owner.account.GetAccountKeys, account_pb2.GetAccountKeysRequest())
    return answer.primary_key, answer.secondary_key


async def test_a_server_goes_on_with_another_master_key(data: Path, tmp_path: Path) -> None:
    first_key = (data / "master.key").read_bytes()
    async with server_process(tmp_path, data), reach(data, tmp_path).caller() as owner:
        before = await keys(owner)
        credential = asset_pb2.Credential(name="deploy", user_name="u")
        request = asset_pb2.CreateCredentialRequest(credential=credential, password="canary-3f6d")
        await owner.ask(owner.assets.CreateCredential, request)
        running = farhand_server(tmp_path, "rotate-key", "--data", str(data))
    done = farhand_server(tmp_path, "rotate-key", "--data", str(data))
    async with server_process(tmp_path, data), reach(data, tmp_path).caller() as owner:
        after = await keys(owner)

    assert (running.returncode, "another server" in running.stderr) == (1, True)
    assert done.returncode == 0, done.stderr
    assert "secrets sealed for it: 1" in done.stderr
    assert (data / "master.key").read_bytes() != first_key
    assert after == before


async def test_a_server_with_another_key_refuses_to_start(data: Path, tmp_path: Path) -> None:
    (data / "master.key").write_bytes(bytes(32))
    refused = farhand_server(tmp_path, "run", "--data", str(data))

    assert refused.returncode == 1
    assert "an account key was sealed with another master key" in refused.stderr
    assert "restore master.key" in refused.stderr
