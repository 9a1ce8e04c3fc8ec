"""The server's TLS: what lies in the data directory, read again whenever it was replaced."""

import datetime
import os
from collections.abc import Callable

import grpc
import structlog

from farhand_server import certificates
from farhand_server.certificates import Pair
from farhand_server.data import DataDirectory, replace
from farhand_server.errors import StartError

log = structlog.get_logger("farhand.tls")

Clock = Callable[[], datetime.datetime]


class Credentials:
    """Certificate and key of the server. `fetch` is called before each handshake."""

    def __init__(self, data: DataDirectory, *, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._stamp = self._stamps()
        self._pair = self._read()
        if not self._pair.matches():
            raise StartError(f"{data.key} is not the key of {data.certificate}", do="replace both")

    def for_port(self) -> grpc.ServerCredentials:
        """What a TLS port of grpc takes."""
        initial = _configuration(self._pair)
        # None is a good answer of a fetcher, whatever the stubs say.
        return grpc.dynamic_ssl_server_credentials(initial, self.fetch, False)  # type: ignore[arg-type]

    def fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """The certificate, if its files were replaced; None: go on with the one you have.

        Files are replaced one after the other: until both fit, the old pair serves.
        """
        stamp = self._stamps()
        if stamp == self._stamp:
            return None
        try:
            pair = self._read()
            if not pair.matches():
                return None
        except (OSError, ValueError, StartError) as error:
            log.warning("certificate not reloaded", error=str(error))
            return None
        self._stamp, self._pair = stamp, pair
        log.info("certificate reloaded", expires=pair.expires.isoformat())
        return _configuration(pair)

    def renew(self) -> None:
        """Issues the server's certificate again when its end is near and the authority is here."""
        now = self._clock()
        left = self._pair.expires - now
        if left > certificates.RENEW_BEFORE:
            return
        authority = self._authority()
        if authority is None:
            log.warning("certificate expires", expires=self._pair.expires.isoformat())
            return
        fresh = certificates.renew(authority, self._pair, now)
        replace(self._data.certificate, fresh.certificate)
        self._pair = fresh
        log.info("certificate renewed", expires=fresh.expires.isoformat())

    def _authority(self) -> Pair | None:
        """The authority that issued the certificate, if its key is here."""
        if not self._data.ca_key.exists():
            return None
        authority = Pair(
            certificate=self._data.ca_certificate.read_bytes(), key=self._data.ca_key.read_bytes()
        )
        return authority if authority.matches() and authority.issued(self._pair) else None

    def _read(self) -> Pair:
        try:
            return Pair(
                certificate=self._data.certificate.read_bytes(), key=self._data.key.read_bytes()
            )
        except OSError as error:
            raise StartError(
                f"{error.filename} cannot be read ({error.strerror})", do="restore it"
            ) from error

    def _stamps(self) -> tuple[tuple[int, int, int], ...]:
        files = (self._data.certificate, self._data.key)
        return tuple(_stamp(path.stat()) if path.exists() else (0, 0, 0) for path in files)


def _stamp(seen: os.stat_result) -> tuple[int, int, int]:
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


def _configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate)])
