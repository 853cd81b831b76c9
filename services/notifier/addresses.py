"""Which addresses a customer's webhook may have (SSRF): HTTPS, no user info, a public address, the one that is dialled."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.notifier.errors import EndpointRefused

PORTS = frozenset({443, 8443})
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

    url: str
    host: str
    port: int
    address: str
    path: str
    scheme: str


def is_denied(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip.version == network.version and ip in network for network in DENIED)


async def check(url: str, *, allow_private: bool) -> Target:
    """Resolve and check. Raises EndpointRefused with the reason."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EndpointRefused(f"url: {error}") from error
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise EndpointRefused("url: only https is called")
    if parts.username or parts.password:
        raise EndpointRefused("url: user info is not allowed; the signature tells you who calls")
    if not parts.hostname or parts.fragment:
        raise EndpointRefused("url: a host is needed, a fragment is not")
    port = port or (443 if parts.scheme == "https" else 80)
    if port not in PORTS and not allow_private:
        raise EndpointRefused(f"url: port {port} is not one of {', '.join(map(str, sorted(PORTS)))}")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise EndpointRefused(f"url: {parts.hostname} does not resolve") from error
    addresses = [str(row[4][0]) for row in found]
    if not allow_private and (denied := [address for address in addresses if is_denied(address)]):
        raise EndpointRefused(f"url: {parts.hostname} leads to {denied[0]}, which is not a public address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.hostname, port, addresses[0], path, parts.scheme)
