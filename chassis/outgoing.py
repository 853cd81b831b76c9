"""Asking others over HTTP: what all our clients have in common."""

import ssl
from functools import cache
from typing import Any

import httpx


def http_client(**options: Any) -> httpx.AsyncClient:
    """A client with httpx's `options` that takes nothing from the environment (proxies, netrc, certificates)."""
    return httpx.AsyncClient(verify=trusted(), trust_env=False, **options)


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that this process trusts, read once: reading them holds a loop up for some 50 ms."""
    return httpx.create_ssl_context(trust_env=False)
