"""`tenantry audit` on a stack that is up: a new tenant's log is proved, and so is one record of it."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tenantry.demo.world import World
from tenantry.stack.stack import Stack
from tests.infra import eventually
from tests.shell import Shell

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("stack")]


async def test_a_tenants_log_is_proved_from_its_records_to_the_anchors(
    shell: Shell, live_stack: Path, tmp_path: Path
) -> None:
    world = World(Stack(live_stack))
    tenant = (await world.new_tenant("en")).tenant_id

    async def is_in_the_ledger() -> bool:
        return bool(
            shell.run("audit", "verify", "--tenant", tenant).stdout.count("the ledger holds this log")
        )

    await eventually(is_in_the_ledger, 60, what="the ledger's entry")
    checkpoint = (await world.get("audit", f"/v1/tenants/{tenant}/audit/log/checkpoint")).text
    records = (await world.get("audit", f"/v1/tenants/{tenant}/audit/records")).json()["records"]
    await world.close()
    kept = tmp_path / "kept"
    kept.write_text(checkpoint, "utf-8")
    anchors = str(live_stack / "anchors")
    options = ("--older", str(kept), "--anchors", anchors, "--ledger")
    [told] = shell.json("audit", "verify", "--tenant", tenant, *options)
    assert len(told["proved"]) == 5
    assert [text.split(":")[0] for text in told["cannot_prove"]] == ["whose key it is"]
    [anchor] = shell.json("audit", "anchors", "--most", "1")
    assert (Path(anchors) / anchor["reference"]).is_file()
    proof = tmp_path / "proof.json"
    done = shell.run(
        "audit", "proof", "--tenant", tenant, "--record", records[0]["record_id"], "--out", str(proof)
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(json.loads(proof.read_text())["entry"])["id"] == records[0]["record_id"]
    assert "has no record" in shell.refused("audit", "proof", "--tenant", tenant, "--record", str(uuid4()))
    kept.write_text(checkpoint.replace("tenantry", "Tenantry", 1))
    assert "NOT VERIFIED" in shell.refused("audit", "verify", "--tenant", tenant, "--older", str(kept))
