"""Projects, keys, members, properties and scopes at the command line of a running installation."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tenantry.demo.world import PROPERTY, Person, Tenant, World
from tenantry.issuer.signing import Signer
from tenantry.stack.stack import Stack
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]
KEY = ("--name", "Night sync", "--product", "ai_console", "--scope", "read", "--scope", "write")


@dataclass(frozen=True, slots=True)
class Scene:
    """A tenant with a person, and the command line."""

    shell: Shell
    stack: Stack
    tenant: Tenant
    person: Person

    @property
    def id(self) -> str:
        return self.tenant.tenant_id

    def product(self, name: str = "ai_console") -> dict[str, str]:
        """Headers of a product; the installation has none of its own."""
        signer = Signer.kept_in(self.stack.folder.path / "issuer" / "issuer.sqlite", self.stack.url("issuer"))
        claims = {"sub": name, "aud": ["registry"], "realm_access": {"roles": [f"service:product:{name}"]}}
        return {"Authorization": f"Bearer {signer.sign(claims, datetime.now(UTC).timestamp(), 300)}"}

    def code(self, key: str) -> str:
        answer = httpx.post(
            f"{self.stack.url('registry')}/internal/api-keys/verify",
            json={"key": key},
            headers=self.product(),
            trust_env=False,
        )
        return str(answer.raise_for_status().json()["code"])

    def report(self, project: str) -> httpx.Response:
        item = {"project": project, "metric": "requests", "quantity": 3, "at": datetime.now(UTC).isoformat()}
        return httpx.post(
            f"{self.stack.url('registry')}/internal/usage",
            json={"batch_id": str(uuid4()), "tenant_id": self.id, "items": [item]},
            headers=self.product(),
            trust_env=False,
        )


@pytest.fixture
def scene(live_stack: Path) -> Scene:
    async def make() -> tuple[Tenant, Person]:
        world = World(Stack(live_stack))
        tenant = await world.new_tenant("en")
        person = await world.new_person(tenant, "night.desk", "front_desk")
        await world.close()
        return tenant, person

    return Scene(Shell(live_stack), Stack(live_stack), *asyncio.run(make()))


def test_a_project_is_made_used_and_archived(scene: Scene) -> None:
    shell = scene.shell
    assert [row["project_id"] for row in shell.json("projects", "list", scene.id)] == ["default"]
    refused = shell.refused("keys", "issue", scene.id, *KEY, "--project", "night-runs")
    assert "REGISTRY.PROJECT_REFUSED" in refused
    assert "/project_id" in refused
    assert shell.json("projects", "create", scene.id, "night-runs", "--name", "Nights")["name"] == "Nights"
    key = shell.run("keys", "issue", scene.id, *KEY, "--project", "night-runs").stdout.strip()
    assert scene.code(key) == "VALID"
    assert scene.report("night-runs").json() == {"outcome": "counted"}
    used = shell.json("usage", "show", scene.id, "--days", "90")
    assert [(row["project"], row["quantity"]) for row in used["usage"]] == [("night-runs", 3)]
    assert "night-runs" in shell.run("usage", "show", scene.id).stdout
    assert shell.run("projects", "archive", scene.id, "night-runs", answers="n\n").returncode == 1
    assert scene.code(key) == "VALID"
    assert shell.json("projects", "archive", scene.id, "night-runs", "--yes")["archived_at"]
    assert scene.code(key) == "REVOKED"
    answer = scene.report("night-runs")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/items/0/project")
    assert "REGISTRY.DEFAULT_PROJECT_STAYS" in shell.refused(
        "projects", "archive", scene.id, "default", "--yes"
    )


def test_a_key_is_shown_once_rotated_revoked_and_reported(scene: Scene) -> None:
    shell = scene.shell
    issued = shell.run("keys", "issue", scene.id, *KEY)
    key = issued.stdout.strip()
    assert key.startswith("tk_live_")
    assert key not in issued.stderr
    [row] = shell.json("keys", "list", scene.id)
    assert (row["prefix"], row["last_four"]) == (key[:12], key[-4:])
    successor = shell.json("keys", "rotate", scene.id, row["key_id"], "--overlap-hours", "0")
    assert [scene.code(key), scene.code(successor["key"])] == ["EXPIRED", "VALID"]
    assert (
        shell.run("keys", "revoke", scene.id, successor["key_id"], answers="n\n").returncode,
        scene.code(successor["key"]),
    ) == (1, "VALID")
    assert shell.json("keys", "revoke", scene.id, successor["key_id"], "--yes")["revoked_reason"] == "revoked"
    found = shell.run("keys", "issue", scene.id, *KEY).stdout.strip()
    assert shell.run("keys", "report-leak", answers=f"{found}\n").returncode == 0
    assert scene.code(found) == "REVOKED"
    listed = shell.run("keys", "list", scene.id)
    assert not [text for text in (key, successor["key"], found) if text in listed.stdout + listed.stderr]


def test_members_change_roles_and_are_deactivated(scene: Scene) -> None:
    shell, member = scene.shell, scene.person.member_id
    listed = {row["member_id"]: row for row in shell.json("members", "list", scene.id)}
    assert listed[member]["org_roles"] == ["USER"]
    [admin] = [row["member_id"] for row in listed.values() if "IT_ADMIN" in row["org_roles"]]
    assert "REGISTRY.LAST_IT_ADMIN" in shell.refused("members", "deactivate", scene.id, admin, "--yes")
    roles = ("--role", "IT_ADMIN", "--role", "LEGAL")
    assert shell.json("members", "roles", scene.id, member, *roles)["org_roles"] == ["IT_ADMIN", "LEGAL"]
    assert shell.json("members", "deactivate", scene.id, admin, "--yes")["deactivated_at"]
    assert "REGISTRY.MEMBER_DEACTIVATED" in shell.refused(
        "members", "roles", scene.id, admin, "--role", "USER"
    )
    assert shell.run("members", "deactivate", scene.id, member, answers="n\n").returncode == 1


def test_scopes_come_from_a_file_whole_or_not_at_all(scene: Scene, tmp_path: Path) -> None:
    shell, file = scene.shell, tmp_path / "scopes.csv"
    assert (
        shell.json("properties", "add", scene.id, "airport", "--name", "Airport")["time_zone"]
        == "Europe/Berlin"
    )
    head = "member,property,backoffice_roles,remove\n"
    file.write_text(
        head
        + f"{scene.person.email},airport,,\nnobody@x.example,airport,,\n{scene.person.member_id},moon,,\n"
    )
    told = shell.refused("scopes", "import", scene.id, str(file))
    assert "/rows/1/member: there is no such member" in told
    assert "/rows/2/property: the tenant has no such property" in told
    assert [row["property"] for row in shell.json("scopes", "list", scene.id)] == [PROPERTY]
    file.write_text(
        head
        + f"{scene.person.email},airport,general_manager maintenance,\n{scene.person.member_id},{PROPERTY},,yes\n"
    )
    foreseen = shell.json("scopes", "import", scene.id, str(file), "--dry-run")
    assert (foreseen["dry_run"], foreseen["added"], foreseen["removed"]) == (True, 1, 1)
    assert shell.run("scopes", "import", scene.id, str(file), answers="n\n").returncode == 1
    assert [row["property"] for row in shell.json("scopes", "list", scene.id)] == [PROPERTY]
    done = shell.json("scopes", "import", scene.id, str(file), "--yes")
    assert done["members_changed"] == [scene.person.member_id]
    [row] = shell.json("scopes", "list", scene.id)
    assert (row["property"], row["backoffice_roles"]) == ("airport", ["general_manager", "maintenance"])
    assert "1 members work there" in shell.refused("properties", "remove", scene.id, "airport", "--yes")
    assert shell.run("properties", "remove", scene.id, PROPERTY, "--yes").returncode == 0
    assert shell.json("properties", "change", scene.id, "airport", "--name", "Air")["name"] == "Air"
    assert [row["code"] for row in shell.json("properties", "list", scene.id)] == ["airport"]
    file.write_text("who,where\n")
    assert shell.run("scopes", "import", scene.id, str(file)).returncode == 2
