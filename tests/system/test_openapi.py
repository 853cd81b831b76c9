"""Every endpoint of every service against its own OpenAPI document: broken input gets a precise problem, never a 5xx.

Schemathesis makes valid and broken requests of each document and holds the answers against it.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.service_tokens import ServiceTokens
from contracts.subjects import SERVICES
from tenantry.demo.world import PROPERTY, World
from tenantry.stack.stack import Stack
from tests.conftest import whole_stack
from tests.shell import CHECKOUT

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("fuzzed stack")]
PROJECT = "default"
HOOKS = "tests.system.openapi_callers"
TOO_STRICT = (
    "positive_data_acceptance",  # a valid form can still name a tenant, device or address that is refused
)


@dataclass(frozen=True, slots=True)
class Callers:
    """Whom to be at each path, and the values that paths need."""

    stack: Stack
    tokens: dict[str, dict[str, str]]
    device_key: str
    tenant_id: str


async def gather_callers(stack: Stack, folder: Path) -> Callers:
    world = World(stack)
    operator = (await world.operator())["Authorization"].removeprefix("Bearer ")
    tenant = await world.new_tenant("en")
    person = await world.new_person(tenant, "front.desk", "front_desk")
    desktop = await world.new_desktop(folder, person, "Ubuntu 24.04")
    member = await desktop.signin.access_token()
    bff = ServiceTokens(stack.url("issuer"), "bff", json.dumps(stack.secrets.service_keys["bff"]))
    tokens = {service: {"/": operator} for service in SERVICES}
    tokens["registry"] |= {
        "/v1/devices": member,
        "/v1/catalog/requests": member,
        "/internal": await bff.token("registry"),
    }
    wish = {"name": "fuzzer", "project_id": PROJECT, "may_read": True}
    made = await world.post("audit", f"/v1/tenants/{tenant.tenant_id}/audit/publisher-tokens", wish)
    tokens["audit"]["/publisher"] = made["token"]
    tokens["sync"] = {"/": await bff.token("sync")}
    tokens["bff"] = {"/": member}
    key = json.dumps(desktop.proofs.key.as_dict(private=True))
    await desktop.close()
    await world.close()
    return Callers(stack, tokens, key, tenant.tenant_id)


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    """On a stack of their own, for nothing in it is safe: products are retired, flags are set."""
    with whole_stack(tmp_path_factory.mktemp("fuzzed") / "data") as folder:
        yield asyncio.run(gather_callers(Stack(folder), tmp_path_factory.mktemp("desktop")))


@pytest.mark.long
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "examples", [5, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_each_answer_fits_the_document(service: str, examples: int, callers: Callers, tmp_path: Path) -> None:
    """`examples` are made at random for each operation, beside those that each of its limits asks for."""
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(
        f'hooks = "{HOOKS}"\n[parameters]\n"path.tenant_id" = "{callers.tenant_id}"\n'
        f'"body.property" = "{PROPERTY}"\n"query.wait" = 0\n"path.project_id" = "{PROJECT}"\n'
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run"),
            f"{callers.stack.url(service)}/v1/openapi.json",
            *("--exclude-path-regex", "/sse/stream$"),  # on another listener, and without an end
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", "1"),
            *("--request-timeout", "30"),  # a poll may wait
            *("--exclude-checks", ",".join(TOO_STRICT), "--continue-on-failure", "--no-color"),
        ],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "TENANTRY_TEST_TOKENS": json.dumps(callers.tokens[service]),
            "TENANTRY_TEST_DEVICE_KEY": callers.device_key,
        },
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
