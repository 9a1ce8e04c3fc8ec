"""What a runbook can ask Farhand for while it runs: parameters, streams, child runbooks.

    import farhand_job

    size = farhand_job.parameters()["size"]
    farhand_job.progress("copying", percent=40, status="4 of 10 files")
    child = farhand_job.start("clean_up", {"days": 7}).wait()
    print(child.status, child.output())

Needs nothing but the standard library of Python 3.7 or later.
"""

import json
import os
import socket


class JobError(Exception):
    """Farhand has refused what was asked for; `reason` is for programs, the text for people."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


class NotInJob(JobError):
    """This process was not started by Farhand."""

    def __init__(self):
        super().__init__("NOT_IN_JOB", "this runs outside of a job: FARHAND_JOB_SOCKET is not set")


def in_job():
    """Whether there is somebody to ask."""
    return bool(os.environ.get("FARHAND_JOB_SOCKET"))


def ask(question, timeout=None):
    """The answer to one question, as sdk/README.md has them. Raises JobError, TimeoutError after
    `timeout` seconds, and OSError when the job is over."""
    if not in_job():
        raise NotInJob
    with _connected(os.environ["FARHAND_JOB_SOCKET"]) as line:
        line.settimeout(timeout)
        nonce = os.environ.get("FARHAND_JOB_NONCE", "")
        line.sendall(json.dumps(dict(question, nonce=nonce)).encode() + b"\n")
        try:
            with line.makefile("rb") as answers:
                told = answers.readline()
        except socket.timeout:
            raise TimeoutError("Farhand has not answered in time") from None
    if not told:
        raise ConnectionError("the runner has closed the job's socket")
    answer = json.loads(told.decode())
    if "refused" in answer:
        raise JobError(answer["refused"]["reason"], answer["refused"]["message"])
    return answer


def parameters():
    """The parameters of this job, by name, with their types."""
    with open(os.environ["FARHAND_PARAMETERS"], encoding="utf-8") as file:
        return json.load(file)


def emit(stream, text):
    """Writes a record to a stream: output, error, warning, verbose or debug. It stands behind
    everything that this process has flushed."""
    ask({"emit": {"stream": stream, "text": str(text)}})


def progress(activity, percent=None, status=""):
    """Writes a record of progress: what is done, how far it is (0 to 100), and a word on that."""
    record = {"stream": "progress", "activity": str(activity), "status": str(status)}
    if percent is not None:
        record["percent"] = percent
    ask({"emit": record})


def start(runbook, parameters=None, run_on="", stop_with_parent=False):
    """Starts a published runbook as a child of this job, on a hybrid worker group, or where jobs
    without one run. With `stop_with_parent` it is stopped when this job is, or when this fails."""
    question = {
        "runbook": runbook,
        "run_on": run_on,
        "parameters": dict(parameters or {}),
        "stop_with_parent": bool(stop_with_parent),
    }
    return Child(ask({"start_child": question})["child"])


def child(job_id):
    """A child of this job that was started before."""
    return Child(ask({"get_child": {"job_id": job_id}})["child"])


class Child:
    """A job that this one has started, as it was when it was looked at last."""

    def __init__(self, told):
        self._told = told

    @property
    def job_id(self):
        return self._told["job_id"]

    @property
    def runbook(self):
        return self._told["runbook"]

    @property
    def status(self):
        """In Azure's words: New, Activating, Running, Completed, Failed, Stopped, Suspended, …"""
        return self._told["status"]

    @property
    def status_details(self):
        """One sentence for people."""
        return self._told["status_details"]

    @property
    def exit_code(self):
        """None while it runs, and where it did not end by itself."""
        return self._told.get("exit_code")

    @property
    def final(self):
        """Whether it is over."""
        return self._told["final"]

    def refresh(self):
        """Looks again."""
        self._told = ask({"get_child": {"job_id": self.job_id}})["child"]
        return self

    def wait(self, timeout=None):
        """Returns when it is over. Raises TimeoutError after `timeout` seconds; it goes on then."""
        question = {"get_child": {"job_id": self.job_id, "wait": True}}
        self._told = ask(question, timeout)["child"]
        return self

    def output(self):
        """What it has written to its Output stream so far."""
        text, place = [], ""
        while True:
            piece = ask({"read_child": {"job_id": self.job_id, "from": place}})["output"]
            text.append(piece["text"])
            if piece["end"] or piece["next"] == place:
                return "".join(text)
            place = piece["next"]


def _connected(path):
    """Also where the path is longer than an address of a socket may be."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if len(os.fsencode(path)) <= 107:
            line.connect(path)
            return line
        folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
        try:
            line.connect("/proc/self/fd/%d/%s" % (folder, os.path.basename(path)))
        finally:
            os.close(folder)
        return line
    except BaseException:
        line.close()
        raise
