"""Accounts, the callers that act in them, and the secrets that let machines join."""

import enum
import ipaddress
from dataclasses import dataclass

from farhand_server.model.clock import UnixMs
from farhand_server.model.identifiers import AccountId
from farhand_server.model.runbook import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls: taken from the bearer token, never from a request."""

    account: AccountId
    account_name: str
    #: Name of the API token.
    name: str
    #: Milliseconds since 1970; None: never expires.
    expires: UnixMs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An automation account, and what it decides for everything in it."""

    id: AccountId
    name: str
    #: Of jobs whose runbook says nothing else.
    delivery: Delivery = Delivery.AT_MOST_ONCE
    #: Runbooks without a list of grants may use nothing, instead of everything.
    grants_listed_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Which life of the deployment this is: a restore from a backup begins another one."""

    number: int = 0
    restored: UnixMs | None = None


class KeySlot(enum.Enum):
    """The two account keys; two, so that one can be replaced while the other serves."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKey:
    """One of the account's keys: shown to operators again, so kept sealed, not only hashed."""

    account: AccountId
    slot: KeySlot
    #: SHA-256 of the key, hexadecimal.
    hash: str
    #: AES-256-GCM box of the key.
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationToken:
    """Lets machines join one group for a while; the secret itself is not kept."""

    #: Public part.
    id: str
    account: AccountId
    group_name: str
    #: SHA-256 of the whole token, hexadecimal.
    hash: str
    created: UnixMs
    expires: UnixMs
    uses: int
    uses_left: int
    #: Networks it may be used from; anywhere if empty.
    cidrs: tuple[str, ...] = ()
    revoked: bool = False

    def allows(self, address: str) -> bool:
        """Whether a machine at `address` (an IP address) may use it."""
        if not self.cidrs:
            return True
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in ipaddress.ip_network(cidr) for cidr in self.cidrs)
