"""Logs: one event a line on stderr, JSON for programs or plain for people.

Exceptions are written as text without the values of variables, which may be secrets.
"""

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import Processor


class Line:
    """A logger that writes finished lines; its name goes into each."""

    def __init__(self, name: str, file: TextIO) -> None:
        self.name = name
        self._file = file

    def msg(self, line: str) -> None:
        # One write: lines of several threads stay whole.
        self._file.write(line + "\n")
        self._file.flush()

    debug = info = warning = error = exception = critical = msg


def configure(*, form: str, level: str, file: TextIO = sys.stderr) -> None:
    """Sets up structlog, and sends what libraries log the same way."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: Processor = structlog.processors.JSONRenderer()
    if form == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=file.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *names: Line(names[0] if names else "farhand", file),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)


class _Forward(logging.Handler):
    """Records of libraries that use the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        details: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), **details)
