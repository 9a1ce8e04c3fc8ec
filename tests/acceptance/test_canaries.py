"""Secrets of every sort go through jobs that use and print them, and are nowhere afterwards: not in
databases, backups, logs, files, arguments, environments or answers, in no form."""

import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from demo.stage import Failure
from tests.acceptance.conftest import Deployment
from tests.support.authority import authority
from tests.support.canaries import Canary, Hunter
from tests.support.cloud import python_or_skip, serving
from tests.support.humble import humble
from tests.support.operator import Operator
from tests.support.shown import shown

from farhand_agent.host.ground import root_half, sandbox_root

#: Who is on every machine.
USER = "daemon"
AS_ROOT = os.geteuid() == 0

#: What both scripts begin with. Files of the den are outside of the deployment: they are how a
#: script and the test tell each other something that the deployment must not know.
SONG = """
import base64, json, sys, time
from pathlib import Path
import farhand_job

den = Path(DEN)

def wait_for(name):
    while not (den / name).exists():
        time.sleep(0.02)

def sing(name, secret):
    raw = secret.encode()
    forms = [secret, base64.b64encode(raw).decode(), base64.b64encode(b"!" + raw + b"?").decode(),
             base64.urlsafe_b64encode(raw).decode(), raw.hex(), raw.hex().upper(),
             json.dumps(secret), json.dumps({name: secret}, ensure_ascii=False), repr(secret)]
    for pipe in (sys.stdout, sys.stderr):
        for form in forms:
            print("VERBOSE:" * (len(form) % 2), name, form, file=pipe)
        for form in (form for form in forms if len(form) < 200):
            for start in range(0, len(form), 7):
                print(form[start:start + 7], end="", file=pipe, flush=True)
            print(file=pipe)
    for stream in ("output", "error", "warning", "verbose", "debug"):
        farhand_job.emit(stream, f"{name} {secret}\\n{forms[1]}")
    farhand_job.progress(f"{name} {secret}", 50, secret)
"""
#: Uses all there is; a certificate's content is sung as it comes, and its key as PEM.
SINGER = """# /// farhand
# [parameters.by_option]
# secret = true
# [parameters.by_file]
# secret = true
# type = "object"
# ///
import subprocess
import automationassets as assets

given = farhand_job.parameters()
child = farhand_job.start("fledgling", {"told": (den / "told").read_text()}, run_on="demo")
first = assets.get_automation_variable("key")
assets.set_automation_variable("key", (den / "fresh").read_text())
login = assets.get_automation_credential("login")
runs_as = assets.get_automation_credential("svc")
db = assets.get_automation_connection("db")
pfx = assets.get_automation_certificate("tls")
(den / "pfx").write_bytes(pfx)
opened = ["openssl", "pkcs12", "-nodes", "-passin", "pass:"]
pem = subprocess.run(opened, input=pfx, capture_output=True).stdout.decode()

def sing_all():
    sing("by_option", given["by_option"])
    sing("by_file", given["by_file"]["deep"][0])
    sing("first", first)
    sing("second", assets.get_automation_variable("key"))
    sing("login", login.password)
    sing("run as", runs_as["password"])
    sing("db", db["secret"])
    sing("pfx", base64.b64encode(pfx).decode())
    print(pem, base64.encodebytes(pfx).decode(), Path(sys.argv[0]).name, sys.argv[1:], flush=True)

sing_all()
(den / "sung").touch()
wait_for("again")
given = farhand_job.parameters()
for name, secret in (("by_option", given["by_option"]), ("first", first), ("db", db["secret"])):
    sing(name, secret)
print(pem, flush=True)
(den / "sung again").touch()
wait_for("end")
sing_all()
print(child.wait().status)
"""
FLEDGLING = """# /// farhand
# [parameters.told]
# secret = true
# ///
told = farhand_job.parameters()["told"]
sing("told", told)
(den / "child sung").touch()
wait_for("end")
# What it says last is shown with the job.
raise RuntimeError(f"{told!r} {told}")
"""
SCRIPTS = [{"runbook": "singer"}, {"runbook": "fledgling"}]
#: Fields of requests of those methods that need some.
NAMED = {
    "GetVariable": [{"name": "key"}],
    "GetCredential": [{"name": "login"}, {"name": "svc"}],
    "GetCertificate": [{"name": "tls"}],
    "GetConnection": [{"name": "db"}],
    "GetHybridWorker": [{"worker": "w1"}],
    "GetHybridWorkerGroup": [{"group": "demo"}],
    "GetRunbook": SCRIPTS,
    "ListRunbookVersions": SCRIPTS,
    "ExportRunbook": SCRIPTS,
}
OF_JOBS = ("GetJob", "ReadJobOutput", "WatchJob", "ExplainJob", "GetJobReceipt", "FollowJobOutput")
STREAMS = ("output", "error", "warning", "verbose", "progress", "debug")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aviary:
    """A deployment that keeps canaries, with a job that sings them and its child."""

    deployment: Deployment
    den: Path
    hunter: Hunter
    job: str
    child: str

    @property
    def state(self) -> Path:
        return self.deployment.root / "w1"

    @property
    def sandbox(self) -> Path:
        return sandbox_root(self.state, environ=self.deployment.env)

    @property
    def worker_files(self) -> tuple[Path, ...]:
        return (self.state, root_half(self.state), self.sandbox)

    @property
    def parameters(self) -> set[Path]:
        """The files that are meant to hold secrets, while their jobs run."""
        jobs = (self.job, self.child)
        return {self.sandbox / f"{job}.1" / "job" / "parameters.json" for job in jobs}

    def answers(self, *methods: str) -> dict[str, bytes]:
        """Of everything that looks, and of these methods for both jobs."""
        operator = Operator(self.deployment.contexts)
        jobs = [{"job_id": job} for job in (self.job, self.child)]
        asked = {**NAMED, **dict.fromkeys(methods, jobs)}
        try:
            return shown(
                operator.channel, operator.metadata, asked, without=set(OF_JOBS) - {*methods}
            )
        finally:
            operator.close()

    def said(self) -> dict[str, bytes]:
        """What the command prints."""
        output = [("job", "output", self.job, "--stream", stream) for stream in STREAMS]
        nouns = [("job", "show", self.job), ("variable", "show", "key"), ("job", "list")]
        told = {}
        for each in (*output, *(("-o", "json", *noun) for noun in nouns)):
            done = self.deployment.farhand(*each)
            assert done.code == 0, (each, done.err)
            told[" ".join(each)] = done.out + done.err.encode()
        return told

    def backup(self) -> Path:
        file = self.den / "backup.tar"
        data = str(self.deployment.root / "server")
        self.deployment.run("farhand-server", "backup", str(file), "--data", data)
        return file


def song(den: Path, script: str) -> str:
    """A whole script."""
    block, end, body = script.partition("# ///\n")
    return f"{block}{end}{SONG.replace('DEN', repr(str(den)))}{body}"


@pytest.fixture
def den() -> Iterator[Path]:
    """Where everybody may leave something."""
    den = Path(tempfile.mkdtemp(prefix="den-"))
    den.chmod(0o777)
    yield den
    shutil.rmtree(den)


@pytest.fixture
def aviary(den: Path) -> Iterator[Aviary]:
    """Both jobs have sung once, and wait."""
    deployment = Deployment()
    try:
        deployment.root.chmod(0o711)
        deployment.server = deployment.serve()
        yield _populated(deployment, den)
    finally:
        deployment.clear()
        # Those that stand still and have lost their runner: only where the test has failed.
        for pid in scripts(sandbox_root(deployment.root / "w1", environ=deployment.env)):
            os.kill(pid, signal.SIGKILL)


def scripts(sandbox: Path) -> list[int]:
    """Processes that run a script of it."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.fsencode(sandbox) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def _populated(deployment: Deployment, den: Path) -> Aviary:
    names = ("by option", "by file", "first", "fresh", "login", "run as", "db", "told")
    kept = {name: Canary.new(name) for name in names}
    _keep_assets(deployment, den, kept)
    for name in ("told", "fresh"):
        (den / name).write_text(kept[name].text)
    for name, script in (("singer", SINGER), ("fledgling", FLEDGLING)):
        deployment.publish(name, song(den, script), ending=".py")
    deployment.add_agent("w1")
    started = deployment.call(
        *("farhand", "start", "singer", "--run-on", "demo", "--params", "-"),
        *("-p", f"by_option={kept['by option'].text}"),
        stdin=json.dumps({"by_file": {"deep": [kept["by file"].text, 7]}}).encode(),
    )
    assert started.code == 0, started.err
    job = started.out.decode().strip()
    try:
        deployment.until("both have sung", lambda: _are_there(den / "sung", den / "child sung"))
    except Failure as failure:
        raise AssertionError(deployment.farhand("job", "output", job)) from failure
    child = deployment.farhand("-o", "name", "job", "list", "--parent", job).out.decode().strip()
    hunter = Hunter([*kept.values(), _private_key(den)])
    return Aviary(deployment=deployment, den=den, hunter=hunter, job=job, child=child)


def _private_key(den: Path) -> Canary:
    """That of the certificate, as every format has it; in PEM a line may end within one part."""
    key = load_pem_private_key((den / "tls.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value.to_bytes(32, "big")
    assert number in (den / "pfx").read_bytes()
    return Canary(name="key", text="", parts=(number[:12], number[-12:]))


def _keep_assets(deployment: Deployment, den: Path, kept: dict[str, Canary]) -> None:
    made = authority()
    (den / "tls.pem").write_bytes(made.certificate + made.key)
    secret = json.dumps({"secret": kept["db"].text})
    for words, stdin in (
        (("variable", "create", "key", "--encrypted", "--value-stdin"), kept["first"].text),
        (("credential", "create", "login", "--user", "u", "--password-stdin"), kept["login"].text),
        (("credential", "create", "svc", "--user", USER, "--password-stdin"), kept["run as"].text),
        (("connection", "create", "db", "--type", "t", "--secrets-stdin"), secret),
        (("certificate", "create", "tls", str(den / "tls.pem"), "--exportable"), ""),
        (("group", "create", "demo"), ""),
        *([(("group", "set", "demo", "--run-as", "svc"), "")] if AS_ROOT else []),
    ):
        done = deployment.call("farhand", *words, stdin=stdin.encode())
        assert done.code == 0, (words, done.err)


def test_secrets_in_use_are_nowhere_but_in_the_parameters_of_their_jobs(aviary: Aviary) -> None:
    deployment, hunter = aviary.deployment, aviary.hunter
    for job in (aviary.job, aviary.child):
        assert deployment.farhand("job", "suspend", job).code == 0
        deployment.until("it stands", partial(_is, deployment, job, "JOB_STATUS_SUSPENDED"))
    said = aviary.said()

    assert b"".join(said.values()).count(b"***") > 200
    assert hunter.in_files(deployment.root, aviary.backup()) == {}
    assert set(hunter.in_files(*aviary.worker_files)) == aviary.parameters
    assert len(scripts(aviary.sandbox)) == 2
    assert hunter.in_processes() == {}
    assert _given_away(hunter, said) == {}
    looking = set(OF_JOBS) - {"FollowJobOutput"}
    assert _given_away(hunter, aviary.answers(*looking)) == {}
    assert _given_away(hunter, _printed(deployment)) == {}

    # What nobody takes lies in the sandbox, and on the disk when the agent goes.
    for job in (aviary.job, aviary.child):
        assert deployment.farhand("job", "resume", job).code == 0
        deployment.until("it goes on", partial(_is, deployment, job, "JOB_STATUS_RUNNING"))
    deployment.server.terminate()
    (aviary.den / "again").touch()
    deployment.until("it has sung", (aviary.den / "sung again").exists)
    assert set(hunter.in_files(*aviary.worker_files)) == aviary.parameters
    deployment.agents["w1"].terminate()
    spool = root_half(aviary.state) / "spool" / f"{aviary.job}.1"
    deployment.until("it lies on the disk", lambda: b"***" in _content(spool))
    assert set(hunter.in_files(*aviary.worker_files)) == aviary.parameters

    # And when all is over, nothing is left.
    deployment.server = deployment.resume()
    deployment.agent("w1")
    (aviary.den / "end").touch()
    for job, status in ((aviary.job, "COMPLETED"), (aviary.child, "FAILED")):
        deployment.until("it is over", partial(_is, deployment, job, f"JOB_STATUS_{status}"))
    assert "RuntimeError: '***' ***" in json.dumps(deployment.job(aviary.child))
    assert _given_away(hunter, aviary.said()) == {}
    assert _given_away(hunter, aviary.answers(*OF_JOBS)) == {}
    assert _given_away(hunter, _printed(deployment)) == {}
    deployment.until("nothing of it is there", lambda: not any(map(Path.exists, aviary.parameters)))
    places = (deployment.root, *aviary.worker_files, aviary.backup())
    assert hunter.in_files(*places) == {}
    deployment.server.terminate()
    assert hunter.in_files(deployment.root) == {}


def _are_there(*files: Path) -> bool:
    return all(file.exists() for file in files)


def _is(deployment: Deployment, job: str, status: str) -> bool:
    return deployment.status(job) == status


def _given_away(hunter: Hunter, told: dict[str, bytes]) -> dict[str, set[str]]:
    return {what: names for what, data in told.items() if (names := hunter.names(data))}


def _printed(deployment: Deployment) -> dict[str, bytes]:
    """What the server and the agent have said on their standard output; errors are files."""
    return {
        process.name: "".join(process.lines).encode()
        for process in (deployment.server, *deployment.agents.values())
    }


def _content(folder: Path) -> bytes:
    with contextlib.suppress(OSError):
        return b"".join(path.read_bytes() for path in folder.iterdir())
    return b""


#: Of every process that it could read: whose memory it is.
PRY = """
import os
from pathlib import Path

for entry in Path("/proc").iterdir():
    if entry.name.isdigit() and int(entry.name) != os.getpid():
        try:
            name = (entry / "comm").read_text().strip()
            with open(entry / "mem", "rb"), open(entry / "environ", "rb"):
                print("read", name)
        except OSError:
            print("closed", name)
"""


@pytest.mark.skipif(not AS_ROOT, reason="becomes other users")
@pytest.mark.parametrize("who", ["run as", "an agent that is not root"])
def test_a_job_reads_no_memory_of_what_passes_secrets_on(bare: Deployment, who: str) -> None:
    """Neither of its own user's runner and link, nor of root's."""
    bare.root.chmod(0o711)
    bare.publish("pry", PRY, ending=".py")
    if who == "run as":
        made = bare.call(
            *("farhand", "credential", "create", "svc", "--user", USER, "--password-stdin"),
            stdin=b"not asked for",
        )
        assert made.code == 0, made.err
        bare.farhand("group", "create", "demo")
        assert bare.farhand("group", "set", "demo", "--run-as", "svc").code == 0
        bare.add_agent("w1")
    else:
        humble(bare, "w1")
    done = bare.farhand("start", "pry", "--run-on", "demo", "--follow")
    told = done.out.decode().splitlines()

    assert done.code == 0, done.err
    assert {"closed farhand-runner", "closed farhand-link"} <= set(told)
    assert {"read farhand-runner", "read farhand-link"}.isdisjoint(told)


WHISPER = """# /// farhand
# [parameters.word]
# secret = true
# ///
sing("word", farhand_job.parameters()["word"])
(den / "sung").touch()
wait_for("end")
"""


def test_the_control_planes_own_worker_keeps_none_either(den: Path) -> None:
    word = Canary.new("word")
    hunter = Hunter([word])
    with serving(python_or_skip()) as cloud:
        cloud.publish("whisper", song(den, WHISPER), ending=".py")
        job = cloud.farhand("start", "whisper", "-p", f"word={word.text}").out.decode().strip()
        cloud.until("it has sung", (den / "sung").exists)
        (home,) = (
            *Path("/dev/shm").glob(f"farhand-agent-*/*/{job}.1"),
            *Path("/run/farhand-agent").glob(f"*/{job}.1"),
        )
        places = (cloud.root, cloud.folder, home.parent)

        assert len(cloud.serving()) > 0
        assert set(hunter.in_files(*places)) == {home / "job" / "parameters.json"}
        assert hunter.in_processes() == {}
        (den / "end").touch()
        done = cloud.farhand("job", "follow", job)
        assert done.code == 0, done.err
        assert hunter.names(done.out + done.err.encode()) == set()
        assert done.out.count(b"***") > 10
        cloud.server.terminate()
        assert hunter.in_files(*places) == {}
