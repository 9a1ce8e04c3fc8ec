"""What the jobs of a chaos run do: write numbered lines, and swear to a witness that they did.

A script tells the witness "block b" before it prints the lines of block b, so the witness is never
behind the output by more than that block. Block 0 is its birth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from farhand_wire.v1 import job_pb2, runbook_pb2

OUTPUT = int(job_pb2.JOB_STREAM_OUTPUT)
ERROR = int(job_pb2.JOB_STREAM_ERROR)
STREAMS = (OUTPUT, ERROR)
#: Every so manieth block goes to standard error.
ERROR_EVERY = 4
#: In positional order.
PARAMETERS = ("witness", "lines", "block", "pause", "code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A script as it is published."""

    name: str
    type: runbook_pb2.RunbookType
    script: str
    #: A script that may have started may be started again, at most three times in all.
    at_least_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One run of a runbook: how much it writes, how fast, and how it ends."""

    runbook: Runbook
    lines: int
    #: Lines that are printed without a pause.
    block: int = 1
    pause_seconds: float = 0.0
    code: int = 0

    @property
    def blocks(self) -> int:
        return -(-self.lines // self.block)

    def arguments(self, witness: str) -> dict[str, str | int]:
        """Its parameters, by name."""
        values = (witness, self.lines, self.block, f"{self.pause_seconds:.3f}", self.code)
        return dict(zip(PARAMETERS, values, strict=True))

    def written(self, job: str, attempt: int, stream: int, *, blocks: int) -> bytes:
        """What so many blocks of it print to `stream`."""
        return "".join(
            f"{n} {job} {attempt}\n"
            for b in range(1, min(blocks, self.blocks) + 1)
            if (stream == ERROR) == (b % ERROR_EVERY == 0)
            for n in range((b - 1) * self.block + 1, min(b * self.block, self.lines) + 1)
        ).encode()


_PYTHON = f"""\
import os, sys, time

witness, pause = sys.argv[1], float(sys.argv[4])
lines, block, code = (int(sys.argv[n]) for n in (2, 3, 5))
me = os.environ["FARHAND_JOB_ID"], os.environ["FARHAND_ATTEMPT"]
file = os.open(witness, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def swear(sequence):
    now = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)
    os.write(file, f"{{me[0]}} {{me[1]}} {{sequence}} {{now}}\\n".encode())
    os.fsync(file)


swear(0)
for b in range(1, -(-lines // block) + 1):
    swear(b)
    numbers = range((b - 1) * block + 1, min(b * block, lines) + 1)
    text = "".join(f"{{n}} {{me[0]}} {{me[1]}}\\n" for n in numbers).encode()
    while text:
        text = text[os.write(2 if b % {ERROR_EVERY} == 0 else 1, text):]
    time.sleep(pause)
sys.exit(code)
"""

# Kernels without a fault keep what was written though its writer dies: bash syncs at its end only.
_BASH = f"""\
witness=$1 lines=$2 block=$3 pause=$4 code=$5
swear() {{
    read -r up _ </proc/uptime
    printf '%s %s %s %s0\\n' "$FARHAND_JOB_ID" "$FARHAND_ATTEMPT" "$1" "${{up/./}}" >>"$witness"
}}
swear 0
for ((first = 1, b = 1; first <= lines; first += block, b++)); do
    swear $b
    for ((n = first; n < first + block && n <= lines; n++)); do
        if ((b % {ERROR_EVERY})); then
            echo "$n $FARHAND_JOB_ID $FARHAND_ATTEMPT"
        else
            echo "$n $FARHAND_JOB_ID $FARHAND_ATTEMPT" >&2
        fi
    done
    sleep "$pause"
done
sync "$witness"
exit "$code"
"""

COUNT = Runbook(name="count", type=runbook_pb2.RUNBOOK_TYPE_PYTHON, script=_PYTHON)
STEP = Runbook(name="step", type=runbook_pb2.RUNBOOK_TYPE_BASH, script=_BASH)
#: Ignores SIGTERM: a stop has to wait for its grace and kill.
STUBBORN = Runbook(
    name="stubborn", type=runbook_pb2.RUNBOOK_TYPE_BASH, script="trap '' TERM\n" + _BASH
)
#: Leaves a grandchild in a session of its own, which holds standard output open.
ORPHAN = Runbook(
    name="orphan",
    type=runbook_pb2.RUNBOOK_TYPE_BASH,
    script="(setsid sleep 3600 &) 2>/dev/null\n" + _BASH,
)
#: Waits in the middle until somebody opens the gate that is called by its exit code.
GATED = Runbook(
    name="gated",
    type=runbook_pb2.RUNBOOK_TYPE_BASH,
    script=_BASH.replace(
        "    swear $b\n",
        "    swear $b\n"
        "    if ((b == (lines + block - 1) / block / 2)); then\n"
        '        until [ -e "$witness.gate$code" ]; do sleep 0.05; done\n'
        "    fi\n",
    ),
)
AGAIN = Runbook(
    name="again", type=runbook_pb2.RUNBOOK_TYPE_PYTHON, script=_PYTHON, at_least_once=True
)
RUNBOOKS: Sequence[Runbook] = (COUNT, STEP, STUBBORN, ORPHAN, GATED, AGAIN)
