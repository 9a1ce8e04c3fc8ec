"""What is alive, as the kernel lists it."""

import signal
import subprocess
import sys

from farhand_agent.host.process import process, send

WITHOUT_ITS_FIRST_THREAD = """
import ctypes, threading
threading.Thread(target=threading.Event().wait).start()
print("up", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_runs_on_without_its_first_thread() -> None:
    command = [sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        while (found := process(child.pid)) is not None and found.state != "Z":
            pass
        assert found is not None and found.lives

        send(signal.SIGKILL, [found])
        while (found := process(child.pid)) is not None and found.lives:
            pass
        assert child.wait() == -signal.SIGKILL
