"""farhand certificate: certificates and their private keys."""

from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farhand_cli import secret, wire
from farhand_cli.asset_verbs import add_verbs, secret_options
from farhand_cli.failure import Failure
from farhand_cli.session import Session
from farhand_cli.show import View
from farhand_cli.table import Cell, Column, Manner
from farhand_cli.verb import answers, pass_session
from farhand_cli.words import Tone

if TYPE_CHECKING:
    from farhand_wire.v1.asset_pb2 import Certificate

#: It is time to think of a new one.
_SOON = timedelta(days=30)


def _expires(certificate: "Certificate", manner: Manner) -> Cell:
    text = manner.until(certificate.expire_time)
    left = certificate.expire_time.ToDatetime(tzinfo=UTC) - manner.now
    if left < timedelta():
        return Cell(f"! expired {text}", Tone.BAD)
    return Cell(f"! {text}", Tone.WARN) if left < _SOON else Cell(text, Tone.GOOD)


def _key(certificate: "Certificate") -> str:
    if not certificate.has_private_key:
        return "none"
    return "for jobs" if certificate.exportable else "kept here"


_NAME: Column["Certificate"] = Column("NAME", lambda it, _: it.name)
_EXPIRES: Column["Certificate"] = Column("EXPIRES", _expires)
_SUBJECT: Column["Certificate"] = Column("SUBJECT", lambda it, _: it.subject)
_KEY: Column["Certificate"] = Column("KEY", lambda it, _: _key(it))
_THUMBPRINT: Column["Certificate"] = Column("THUMBPRINT", lambda it, _: it.thumbprint)
VIEW: View["Certificate"] = View(
    name=lambda certificate: certificate.name,
    columns=(_NAME, _EXPIRES, _SUBJECT, _KEY, _THUMBPRINT),
    card=(
        *(_NAME, _EXPIRES, _SUBJECT, _KEY, _THUMBPRINT),
        Column("DESCRIPTION", lambda it, _: it.description),
        Column("CREATED", lambda it, manner: manner.time(it.create_time)),
        Column("CHANGED", lambda it, manner: manner.time(it.modify_time)),
    ),
)
_LOCKED = click.option("--locked", is_flag=True, help="It has a password: ask for it.")


@click.group
def certificate() -> None:
    """Certificates: PKCS#12 or PEM, with their private keys, which only jobs can read."""


add_verbs(certificate, VIEW, empty="farhand certificate create NAME FILE")


@certificate.command("create")
@click.argument("name", metavar="NAME")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--exportable", is_flag=True, help="Jobs get its private key.")
@_LOCKED
@secret_options("password")
@click.option("--description", default="", metavar="TEXT", help="For people.")
@answers
@pass_session
def create(
    session: Session,
    name: str,
    file: Path,
    exportable: bool,
    locked: bool,
    password_stdin: bool,
    password_file: Path | None,
    description: str,
) -> None:
    """Keep the certificate of a file.

    \b
    farhand certificate create backup backup.p12 --locked --exportable
    farhand certificate create partner partner.pem
    """
    request = wire.asset.CreateCertificateRequest(
        name=name,
        description=description,
        content=_content(file),
        password=_password(locked, password_stdin, password_file),
        exportable=exportable,
    )
    made = session.api.assets.CreateCertificate(request).certificate
    session.made(VIEW, made, f"certificate {name} is kept: {made.subject}, {made.thumbprint}")


@certificate.command("set")
@click.argument("name", metavar="CERTIFICATE")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--exportable/--not-exportable", default=None, help="Jobs get its private key.")
@_LOCKED
@secret_options("password")
@click.option("--description", metavar="TEXT", help="For people.")
@answers
@pass_session
def set_(
    session: Session,
    name: str,
    file: Path | None,
    exportable: bool | None,
    locked: bool,
    password_stdin: bool,
    password_file: Path | None,
    description: str | None,
) -> None:
    """Replace a certificate by that of a file, or change what is said of it."""
    request = wire.asset.UpdateCertificateRequest(
        name=name, description=description or "", exportable=bool(exportable)
    )
    given = {"description": description, "exportable": exportable}
    request.update_mask.paths.extend(path for path, value in given.items() if value is not None)
    if file is not None:
        request.content = _content(file)
        request.password = _password(locked, password_stdin, password_file)
        request.update_mask.paths.append("content")
    if not request.update_mask.paths:
        raise click.UsageError("say what changes, for example its file")
    saved = session.api.assets.UpdateCertificate(request).certificate
    session.made(VIEW, saved, f"certificate {name} is saved")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read", why=str(error.strerror), code="no_file") from error


def _password(locked: bool, from_stdin: bool, file: Path | None) -> str:
    if not (locked or from_stdin or file):
        return ""
    return secret.given(file=file, from_stdin=from_stdin, what="Password", option="password")
