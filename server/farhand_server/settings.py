"""Every option of `farhand-server`: its flag, its environment variable, its key in server.toml.

A flag wins over the environment (FARHAND_SERVER_<OPTION>), the environment over
<data>/server.toml, and that over the default.
"""

import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from farhand_server.errors import StartError
from farhand_wire import limits

PREFIX = "FARHAND_SERVER_"
LOG_FORMATS = ("json", "console")
#: Bits by which a number of them becomes bytes.
UNITS = {"": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option. `default` None: worked out from the others."""

    name: str
    help: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    #: Yes or no: the flag takes no value.
    is_switch: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


DATA = Option(name="data", help="the data directory")
#: Of `init` only.
HOST = Option(name="host", help="name or address that agents and operators dial")
ACCOUNT = Option(name="account", help="the first automation account", default="default")
LISTEN = Option(name="listen", help="host:port to serve on", default="0.0.0.0:8443")
ENDPOINT = Option(name="endpoint", help="host:port that agents dial, as shown with new tokens")
OUTPUT_MAX = Option(
    name="output_max",
    help="how much of one attempt's output is kept: its beginning and its end",
    default="1GiB",
)
NO_CLOUD = Option(
    name="no_cloud",
    help="run no worker of the control plane's own, for jobs that name no group",
    is_switch=True,
)
#: Of `run`.
OPTIONS = (
    LISTEN,
    ENDPOINT,
    OUTPUT_MAX,
    NO_CLOUD,
    Option(name="log_format", help="json or console", default="json", choices=LOG_FORMATS),
    Option(
        name="log_level",
        help="debug, info, warning or error",
        default="info",
        choices=LOG_LEVELS,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `run` needs to know."""

    data: Path
    listen: str
    endpoint: str
    log_format: str = "json"
    log_level: str = "info"
    #: Bytes.
    output_max: int = limits.OUTPUT_MAX_BYTES
    no_cloud: bool = False


def data_path(flag: str | None, environ: Mapping[str, str], *, root: bool) -> Path:
    """The data directory: root's is the system's, everybody else has one at home."""
    if chosen := flag or environ.get(DATA.variable):
        return Path(chosen).absolute()
    if root:
        return Path("/var/lib/farhand-server")
    base = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME", "~")) / ".local/share"
    return Path(base, "farhand-server").expanduser()


def resolve(flags: Mapping[str, str | None], environ: Mapping[str, str], *, data: Path) -> Settings:
    """Raises StartError, naming the place of a bad value."""
    file = _file(data / "server.toml")
    values: dict[str, str] = {}
    for option in OPTIONS:
        places = (
            (option.flag, flags.get(option.name)),
            (option.variable, environ.get(option.variable)),
            (f"{option.name} in {data / 'server.toml'}", file.get(option.name)),
        )
        place, value = next(((p, v) for p, v in places if v), ("", option.default or ""))
        if option.choices and value not in option.choices:
            raise StartError(f'{place}: "{value}" is not one of {", ".join(option.choices)}')
        if option is OUTPUT_MAX:
            output_max = _output_max(value, place)
        elif option is NO_CLOUD:
            no_cloud = _is_on(value, place)
        else:
            values[option.name] = value
    _, port = split(values["listen"])
    values["endpoint"] = values["endpoint"] or f"{socket.gethostname()}:{port}"
    return Settings(data=data, output_max=output_max, no_cloud=no_cloud, **values)


def split(address: str) -> tuple[str, int]:
    """host and port of host:port ([::1]:8443 for IPv6). Raises StartError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise StartError(f'"{address}" is not host:port, for example {LISTEN.default}')
    return host.strip("[]"), int(port)


def size(text: str) -> int | None:
    """Bytes of "512MiB", "1 GiB", "1048576"; None if it is no size."""
    match = re.fullmatch(r"(\d{1,15}) ?(|[KMGT]iB)", text)
    return None if match is None else int(match[1]) << UNITS[match[2]]


def _is_on(text: str, place: str) -> bool:
    words = {"": False, "0": False, "false": False, "no": False}
    words |= {"1": True, "true": True, "yes": True}
    if text.lower() not in words:
        raise StartError(f'{place}: "{text}" is neither yes nor no')
    return words[text.lower()]


def _output_max(text: str, place: str) -> int:
    bytes_ = size(text)
    if bytes_ is None:
        raise StartError(f'{place}: "{text}" is not a size, for example 512MiB')
    if bytes_ < limits.OUTPUT_MAX_BYTES_LEAST:
        least = limits.OUTPUT_MAX_BYTES_LEAST >> UNITS["MiB"]
        raise StartError(f"{place}: {text} is too little; it may be {least}MiB or more")
    return bytes_


def _file(path: Path) -> dict[str, str]:
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StartError(f"{path} cannot be read: {error}", do="correct it") from error
    known = {option.name for option in OPTIONS}
    if unknown := sorted(set(content) - known):
        raise StartError(
            f"{path} has unknown keys: {', '.join(unknown)}",
            do=f"take them out; known are {', '.join(sorted(known))}",
        )
    return {name: str(value) for name, value in content.items()}
