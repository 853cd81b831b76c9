"""Web addresses compared as RFC 3986 §6.2.2 and §6.2.3 say, for the `htu` of a DPoP proof."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@lru_cache(maxsize=4096)
def normalised(url: str) -> str:
    """Scheme and host in lower case, no default port, no needless escapes, no query, no fragment.

    Empty for what is no plain http(s) address: one with credentials, spaces or control characters. Reserved characters
    stay escaped: `/a%2Fb` is another path than `/a/b`.
    """
    if not url.isascii() or any(char <= " " or char == "\\" for char in url):
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc:
        return ""
    if ":" in host:
        host = f"[{host}]"
    place = host if port in {None, DEFAULT_PORTS[scheme]} else f"{host}:{port}"
    return f"{scheme}://{place}{ESCAPE.sub(_plain, parts.path or '/')}"


def _plain(escape: re.Match[str]) -> str:
    char = chr(int(escape[1], 16))
    return char if char in UNRESERVED else escape[0].upper()
