"""The commands of bash runbooks: farhand-asset, farhand-emit, farhand-job."""

import argparse
import base64
import json
import sys

import farhand_job

#: Names that people know from Azure, beside those of the socket.
_FIELDS = {"username": "user_name"}


def asset(argv):
    """farhand-asset get|set …"""
    parser = argparse.ArgumentParser(prog="farhand-asset", description="Reads and sets assets.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    get = verbs.add_parser("get", help="print an asset, or one field of it")
    get.add_argument("kind", choices=("variable", "credential", "certificate", "connection"))
    get.add_argument("name")
    get.add_argument("field", nargs="?", help="username, password, thumbprint, content, …")
    set_ = verbs.add_parser("set", help="give a variable another value")
    set_.add_argument("kind", choices=("variable",))
    set_.add_argument("name")
    set_.add_argument("value", help="text; - reads it from standard input")
    set_.add_argument("--json", action="store_true", help="the value is JSON and not text")
    asked = parser.parse_args(argv)
    return _carried_out(_set if asked.verb == "set" else _get, asked)


def emit(argv):
    """farhand-emit STREAM TEXT"""
    parser = argparse.ArgumentParser(
        prog="farhand-emit",
        description="Writes a record to a stream of the job.",
        epilog='farhand-emit warning "disk is almost full"; '
        'farhand-emit progress copying --percent 40 --status "4 of 10"',
    )
    streams = ("output", "error", "warning", "verbose", "debug", "progress")
    parser.add_argument("stream", choices=streams)
    parser.add_argument("text", help="of progress: the activity; - reads it from standard input")
    parser.add_argument("--percent", type=float)
    parser.add_argument("--status", default="")
    return _carried_out(_emit, parser.parse_args(argv))


def job(argv):
    """farhand-job start|wait|status|output …"""
    parser = argparse.ArgumentParser(prog="farhand-job", description="Starts child runbooks.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    start = verbs.add_parser("start", help="start a child; prints its job id")
    start.add_argument("runbook")
    start.add_argument("--run-on", default="", metavar="GROUP")
    start.add_argument("-p", action="append", default=[], metavar="NAME=TEXT", dest="texts")
    start.add_argument("--json", action="append", default=[], metavar="NAME=JSON", dest="jsons")
    start.add_argument("--params", metavar="FILE", help="a JSON object; - reads standard input")
    start.add_argument("--stop-with-parent", action="store_true")
    start.add_argument("--wait", action="store_true", help="then print its output when it is over")
    for verb, words in _VERBS.items():
        other = verbs.add_parser(verb, help=words)
        other.add_argument("job_id")
        if verb == "wait":
            other.add_argument("--timeout", type=float, metavar="SECONDS")
    asked = parser.parse_args(argv)
    return _carried_out(_JOBS[asked.verb], asked)


_VERBS = {
    "wait": "until it is over; ends with its exit code",
    "status": "print its status",
    "output": "print what it has written",
}


def _carried_out(act, asked):
    try:
        return act(asked) or 0
    except farhand_job.JobError as error:
        known = error.reason in ("ASSET_NOT_FOUND", "ASSET_NOT_GRANTED")
        prefix = "AutomationAssetNotFound: " if known else ""
        print("farhand: %s%s" % (prefix, error), file=sys.stderr)
    except (OSError, ValueError) as error:
        print("farhand: %s" % error, file=sys.stderr)
    return 1


def _get(asked):
    found = farhand_job.ask({"get_asset": {"kind": asked.kind, "name": asked.name}})["asset"]
    fields = found.get("fields", found)
    field = asked.field or ("value" if asked.kind == "variable" else None)
    if field is None:
        shown = {name: fields[name] for name in fields if name not in ("kind", "name", "version")}
        _print(shown)
        return
    field = field if field in fields else _FIELDS.get(field, field)
    if field not in fields:
        raise ValueError("%s %s has no field %s" % (asked.kind, asked.name, field))
    if field == "content":
        sys.stdout.buffer.write(base64.b64decode(fields[field]))
    else:
        _print(fields[field])


def _set(asked):
    text = sys.stdin.read() if asked.value == "-" else asked.value
    value = json.loads(text) if asked.json else text
    farhand_job.ask({"set_variable": {"name": asked.name, "value": value}})


def _emit(asked):
    text = sys.stdin.read() if asked.text == "-" else asked.text
    if asked.stream == "progress":
        farhand_job.progress(text, asked.percent, asked.status)
    else:
        farhand_job.emit(asked.stream, text)


def _start(asked):
    parameters = {}
    if asked.params == "-":
        parameters = json.load(sys.stdin)
    elif asked.params:
        with open(asked.params, encoding="utf-8") as file:
            parameters = json.load(file)
    parameters.update(map(_pair, asked.texts))
    parameters.update((name, json.loads(text)) for name, text in map(_pair, asked.jsons))
    child = farhand_job.start(asked.runbook, parameters, asked.run_on, asked.stop_with_parent)
    if not asked.wait:
        print(child.job_id)
        return 0
    child.wait()
    sys.stdout.write(child.output())
    return _exit_code(child)


def _wait(asked):
    return _exit_code(farhand_job.child(asked.job_id).wait(asked.timeout))


def _status(asked):
    print(farhand_job.child(asked.job_id).status)


def _output(asked):
    sys.stdout.write(farhand_job.child(asked.job_id).output())


_JOBS = {"start": _start, "wait": _wait, "status": _status, "output": _output}


def _exit_code(child):
    """That of `farhand start --wait`."""
    if child.status == "Completed":
        return 0
    if child.status_details:
        print("farhand: %s: %s" % (child.status, child.status_details), file=sys.stderr)
    if child.status == "Failed":
        return child.exit_code or 3
    return 4


def _pair(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("%s is not NAME=VALUE" % text)
    return name, value


def _print(value):
    print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
