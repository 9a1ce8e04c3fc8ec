"""`farhand-server doctor`: whether a server is safe, and set up so that it can work.

It changes nothing, and may run beside the server or before its first start.
"""

import datetime
from collections.abc import Iterator, Mapping

from farhand_server.care import exposure, surroundings, tls
from farhand_server.care.finding import Finding, fail, warn
from farhand_server.data import DataDirectory
from farhand_server.errors import StartError
from farhand_server.settings import Settings, resolve
from farhand_server.store import sqlite


def examine(
    data: DataDirectory,
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    *,
    now: datetime.datetime,
) -> Iterator[Finding]:
    """Looks at everything, also when the first things are wrong. Raises StartError if there is no
    server to look at."""
    if not data.master_key.exists():
        data.check()
    yield surroundings.versions()
    yield from exposure.files(data)
    settings = _settings(data, flags, environ)
    if isinstance(settings, Finding):
        yield settings
    else:
        yield from tls.certificates(data, settings.endpoint, now)
        yield surroundings.port(data, settings.listen)
    yield surroundings.disk(data.path)
    yield from _databases(data, now)


def _settings(
    data: DataDirectory, flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> Settings | Finding:
    try:
        return resolve(flags, environ, data=data.path)
    except StartError as error:
        return refused("settings", error)


def _databases(data: DataDirectory, now: datetime.datetime) -> Iterator[Finding]:
    try:
        state, output = sqlite.chain(data.state, "state"), sqlite.chain(data.output, "output")
        if state.pending or output.pending:
            yield warn(
                "databases",
                f"farhand.db is at {state.version}, output.db at {output.version}",
                f"the next start brings them up to date; or: farhand-server migrate "
                f"--data {data.path}",
            )
        else:
            text = f"farhand.db at {state.version}, output.db at {output.version}"
            yield Finding(name="databases", text=text)
        yield surroundings.clock(sqlite.latest(data.state), now)
        yield exposure.sealing(data)
    except StartError as error:
        yield refused("databases", error)


def refused(name: str, error: StartError) -> Finding:
    """What the server would not start with."""
    return fail(name, f"{error.what}: {error.why}" if error.why else error.what, error.do)
