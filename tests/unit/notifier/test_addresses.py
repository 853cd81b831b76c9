"""Where a customer's webhook may lead (SSRF)."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.notifier.addresses import check, is_denied
from services.notifier.errors import EndpointRefused, Unresolvable
from services.notifier.settings import Settings

PUBLIC = "93.184.215.14"


def resolve_to(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """Stand in for DNS: every name leads to these addresses."""

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "10.0.0.1", "172.16.0.1",  # noqa: S104  # refused, not bound
     "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.8", "192.0.2.1",
     "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "255.255.255.255", "192.88.99.1", "3232235777",
     "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
     "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]", "[fc00::1]",
     "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[fec0::1]", "[ff02::1]", "localhost"],
)  # fmt: skip
async def test_nothing_private_is_called_in_whatever_spelling(host: str) -> None:
    with pytest.raises(EndpointRefused):
        await check(f"https://{host}/", allow_private=False)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "172.32.0.1", "100.128.0.1"])
async def test_what_is_public_is_called(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert not is_denied(address)
    resolve_to(monkeypatch, address)
    target = await check("https://hooks.customer.example/in?a=b", allow_private=False)
    assert (target.address, target.authority, target.path) == (address, "hooks.customer.example", "/in?a=b")


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "::1", "::ffff:169.254.169.254", "fe80::1%eth0"])
async def test_a_name_that_leads_inside_by_any_of_its_addresses_is_refused(
    monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    resolve_to(monkeypatch, PUBLIC, inside)
    with pytest.raises(EndpointRefused) as refused:
        await check("https://hooks.customer.example/", allow_private=False)
    assert inside not in refused.value.detail, "what our own network looks like is no caller's matter"


@pytest.mark.parametrize(
    "url",
    ["http://hooks.a.example/", "ftp://hooks.a.example/", "file:///etc/passwd", "//hooks.a.example/", "hooks.a.example",
     "https://", "https:///in", "https://user@hooks.a.example/", "https://user:word@hooks.a.example/",
     "https://@hooks.a.example/", "https://hooks.a.example/#part", "https://hooks.a.example:22/",
     "https://hooks.a.example:0/", "https://hooks.a.example:x/", "https://hooks.a.example:99999/", "https://[::1/",
     "https://hooks.a.example/\x7f", "https://hooks.a.example/\x01", "https://hooks.a.example/a b",
     "https://hooks.a.example\\@10.0.0.1/", "https://hooks.a.example/\tb", "https://ｈooks.a.example/",
     "https://hooks.a.example/\r\nhost: b", " https://hooks.a.example/"],
)  # fmt: skip
async def test_an_address_of_another_form_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    resolve_to(monkeypatch, PUBLIC)
    with pytest.raises(EndpointRefused):
        await check(url, allow_private=False)


@pytest.mark.parametrize("host", ["a..b.example", ".example", f"{'a' * 64}.example", "nobody.invalid"])
async def test_a_name_that_leads_nowhere_is_told_apart(host: str) -> None:
    with pytest.raises(Unresolvable):
        await check(f"https://{host}/", allow_private=False)


async def test_local_mode_may_allow_what_is_private() -> None:
    target = await check("http://127.0.0.1:8080/in", allow_private=True)
    assert (target.url, target.authority) == ("http://127.0.0.1:8080/in", "127.0.0.1:8080")
    target = await check("http://[::1]/", allow_private=True)
    assert (target.url, target.authority) == ("http://[::1]:80/", "[::1]")


def test_production_refuses_the_setting_that_allows_what_is_private(tmp_path: Path) -> None:
    told = {
        "TENANTRY_MODE": "production",
        "TENANTRY_NATS_URL": "nats://127.0.0.1:1",
        "TENANTRY_OIDC_ISSUER": "https://issuer.example",
        "port": 1,
        "mail_folder": tmp_path,
        **dict.fromkeys(
            ["database_url", "worker_database_url", "nats_seed", "service_key", "sealing_key"], "x"
        ),
    }
    assert not Settings.model_validate(told).allow_private_endpoints
    with pytest.raises(ValidationError, match="is for local mode"):
        Settings.model_validate({**told, "allow_private_endpoints": True})
