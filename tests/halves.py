"""`python -m tests.halves`: every test, in two halves at a time, for machines have two cores.

The unit tests keep one core busy; those with real processes mostly wait. What the first half has to
say is shown when the other one is over.
"""

import subprocess
import sys
import tempfile

#: The second one in the foreground, where Ctrl-C is heard.
UNIT = ("tests/unit", "-p", "no:cacheprovider")
PROCESSES = ("tests/integration", "tests/acceptance")


def main() -> int:
    with tempfile.TemporaryFile() as log:
        unit = subprocess.Popen(_pytest(*UNIT), stdout=log, stderr=log)
        try:
            processes = subprocess.run(_pytest(*PROCESSES), check=False).returncode
            code = unit.wait()
        except KeyboardInterrupt:
            unit.terminate()
            return 130
        log.seek(0)
        sys.stdout.buffer.write(log.read())
    return code or processes


def _pytest(*words: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *words]


if __name__ == "__main__":
    sys.exit(main())
