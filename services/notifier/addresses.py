"""Which addresses a customer's webhook may have (SSRF): HTTPS, no user info, a public address, the one that is dialled."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from services.notifier.errors import EndpointRefused, Unresolvable

PORTS = frozenset({443, 8443})
DEFAULT_PORTS = {"http": 80, "https": 443}
DENIED = [
    ipaddress.ip_network(text)
    for text in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "::1/128",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
]
"""An explicit list, since `ipaddress.is_global` lets several of these through."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address: what to dial, and the name to speak of."""

    host: str
    port: int
    address: str
    path: str
    scheme: str

    @property
    def authority(self) -> str:
        """For the Host header (RFC 9110 §7.2): an IPv6 literal in brackets, no default port."""
        return bracketed(self.host) + ("" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}")

    @property
    def url(self) -> str:
        """Leads to the checked address, whatever the name leads to by now."""
        return f"{self.scheme}://{bracketed(self.address)}:{self.port}{self.path}"


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_denied(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip.version == network.version and ip in network for network in DENIED)


async def check(url: str, *, allow_private: bool) -> Target:
    """Resolve and check. Raises EndpointRefused with the reason, Unresolvable where the name leads nowhere now."""
    parts, port = taken_apart(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise EndpointRefused("only https is called")
    if parts.username is not None or parts.password is not None:
        raise EndpointRefused("user info is not allowed; the signature tells you who calls")
    if not host or parts.fragment:
        raise EndpointRefused("a host is needed, a fragment is not")
    if port not in PORTS and not allow_private:
        raise EndpointRefused(f"port {port} is not one of {', '.join(map(str, sorted(PORTS)))}")
    found = await resolved(host, port)
    if not allow_private and any(is_denied(address) for address in found):
        # Not which one: callers would learn our own network's names from it.
        raise EndpointRefused(f"{host} leads to an address that is not public")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port, found[0], path, parts.scheme)


def taken_apart(url: str) -> tuple[SplitResult, int]:
    """Its parts and its port. Only what every library reads alike: visible ASCII, no backslash."""
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url):
        raise EndpointRefused(
            "write it in visible ASCII: xn-- for other letters of a name, %-escapes for the rest"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EndpointRefused("it cannot be read as an address") from error
    return parts, DEFAULT_PORTS.get(parts.scheme, 0) if port is None else port


async def resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that is empty or too long
        raise Unresolvable(f"{host} does not resolve") from error
    return [str(row[4][0]) for row in found]
