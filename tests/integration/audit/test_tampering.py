"""What a database administrator could change, past every trigger: the verifier, given what somebody kept, names it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.clock import SystemClock
from chassis.ids import uuid7
from services.audit.log.anchors import Anchors, WriteOnceFolder
from services.audit.log.checkpoints import origin
from services.audit.log.ledger import Ledger
from services.audit.log.note import Checkpoint, Signer
from services.audit.records.record import LEDGER
from tenantry.commands.audit.reading import LogReader
from tenantry.commands.audit.verify import Wanted, check, kept_in
from tenantry.log_verifier import Unverified, leaf_hash, root_of
from tests.integration.audit.stage import SIGNER, Log
from tests.integration.audit.tokens import TestIssuer
from tests.integration.chassis.numbered_events import numbered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 300
EDIT = """
with forged as (
    select convert_to(replace(convert_from(entry, 'utf8'), 'operator-1', 'nobody-one'), 'utf8') as entry
    from audit.audit_event where tenant_id = $1 and leaf_index = 9
)
update audit.audit_event set entry = forged.entry, actor_id = 'nobody-one',
    leaf_hash = sha256('\\x00'::bytea || forged.entry)
from forged where tenant_id = $1 and leaf_index = 9
"""
SWAP_PLACES = """
update audit.audit_event set leaf_index = leaf_index + 1000 where tenant_id = $1 and leaf_index in (4, 5);
update audit.audit_event set leaf_index = 1009 - leaf_index where tenant_id = $1 and leaf_index >= 1000
"""
CLOSE_THE_GAP = """
delete from audit.audit_event where tenant_id = $1 and leaf_index = 100;
update audit.audit_event set leaf_index = leaf_index - 1 where tenant_id = $1 and leaf_index > 100
"""
INSERT = """
update audit.audit_event set leaf_index = leaf_index + 1000 where tenant_id = $1 and leaf_index >= 50;
update audit.audit_event set leaf_index = leaf_index - 999 where tenant_id = $1 and leaf_index >= 1000;
create temp table forged as select * from audit.audit_event where tenant_id = $1 and leaf_index = 49;
update forged set leaf_index = 50;
insert into audit.audit_event select * from forged;
drop table forged
"""
SWAP_TENANTS = """
update audit.audit_event set leaf_index = 1007 where leaf_index = 7 and tenant_id = $1;
update audit.audit_event set tenant_id = $1 where leaf_index = 7 and tenant_id = $2;
update audit.audit_event set tenant_id = $2, leaf_index = 7 where leaf_index = 1007 and tenant_id = $1
"""
DELETE_LAST = "delete from audit.audit_event where tenant_id = $1 and leaf_index = 299"
OF_ANOTHER = """
update audit.checkpoint set note = (select note from audit.checkpoint where tenant_id = $2 limit 1) where tenant_id = $1
"""
REPLACE_NOTE = "update audit.checkpoint set note = $note where tenant_id = $1"
TAKE_BACK = """
delete from audit.audit_event where tenant_id = $tree and leaf_index >= $size;
delete from audit.checkpoint where tenant_id = $tree;
insert into audit.checkpoint values ($tree, $size, decode($root, 'hex'), $note, now())
"""
RECOMPUTE = """
update audit.tile set hashes = decode($tile, 'hex') where tenant_id = $1 and level = 0;
update audit.tile set hashes = decode($above, 'hex') where tenant_id = $1 and level = 1;
delete from audit.checkpoint where tenant_id = $1;
insert into audit.checkpoint values ($1, $size, decode($root, 'hex'), $note, now())
"""


@dataclass
class Scene:
    """Two tenants' logs, signed, entered, anchored; a checkpoint that the customer kept; and a superuser."""

    admin: asyncpg.Connection
    log: Log
    ledger: Ledger
    reader: LogReader
    other: UUID
    wanted: Wanted
    folder: Path

    async def forge(self, sql: str, **values: object) -> None:
        """Past every trigger. `$1` and `$2` are the tenants, `$name` is one of `values`."""
        told = {"1": self.reader.tenant, "2": self.other, **values}
        for name, value in told.items():
            sql = sql.replace(f"${name}", f"'{value}'")
        async with self.admin.transaction():
            await self.admin.execute("set local session_replication_role = replica")
            await self.admin.execute(sql)

    async def found(self, wanted: Wanted | None = None) -> Unverified:
        with pytest.raises(Unverified) as caught:
            await check(self.reader, wanted or self.wanted)
        return caught.value


@pytest.fixture
async def scene(
    audit_alone: httpx.AsyncClient, issuer: TestIssuer, log: Log, admin: asyncpg.Connection, tmp_path: Path
) -> Scene:
    tenant, other, folder = uuid7(), uuid7(), tmp_path / "anchors"
    for each in (tenant, other):
        await log.append([numbered(number, tenant=each) for number in range(1, SIZE - 9)], NOW)
    await log.sign(NOW)
    older = await admin.fetchval("select note from audit.checkpoint where tenant_id = $1", tenant)
    anchors = Anchors(log.database, [WriteOnceFolder(folder)])
    ledger = Ledger(log.database, SIGNER, anchors, SystemClock(), seconds=60, quiet_seconds=86_400)
    await ledger.round()
    await log.append([numbered(SIZE + number, tenant=tenant) for number in range(10)], NOW)
    await log.sign(NOW)
    await ledger.round()
    audit_alone.headers.update(issuer.member(tenant))  # its own look adds no record
    wanted = Wanted(older, kept_in(folder), SIGNER.verifier_key())
    return Scene(admin, log, ledger, LogReader(audit_alone, tenant), other, wanted, folder)


async def test_nothing_changed_and_everything_is_proved(scene: Scene, issuer: TestIssuer) -> None:
    scene.reader.http.headers.update(issuer.operator())  # a customer sees no other tree
    report = await check(scene.reader, replace(scene.wanted, whole_ledger=True))
    assert report.not_proved == []
    assert len(report.proved) == 5


@pytest.mark.parametrize(
    ("sql", "place", "kind"),
    [
        (EDIT, "record 9", "edited"),
        ("delete from audit.audit_event where tenant_id = $1 and leaf_index = 100", "record 100", "missing"),
        (DELETE_LAST, "the log", "missing"),
        (CLOSE_THE_GAP, "the log", "missing"),
        (INSERT, "record 50", "edited"),
        (SWAP_PLACES, "record 4", "edited"),
        (SWAP_TENANTS, "record 7", "edited"),
        ("drop table audit.audit_event_rest", "the log", "missing"),
        ("update audit.checkpoint set note = replace(note, '300', '290')", "the checkpoint", "signature"),
        (OF_ANOTHER, "the checkpoint", "other-log"),
    ],
    ids=[
        "edit",
        "delete",
        "delete-last",
        "delete-and-close-up",
        "insert",
        "reorder",
        "swap-between-tenants",
        "drop-partition",
        "edit-checkpoint",
        "checkpoint-of-another",
    ],
)
async def test_a_change_is_found_and_named(scene: Scene, sql: str, place: str, kind: str) -> None:
    await scene.forge(sql)
    found = await scene.found()
    assert (found.place, found.kind) == (place, kind), str(found)


async def take_back(scene: Scene, tree: UUID, size: int) -> None:
    """Whoever has the database and the signing key puts a tree back to `size` and signs it."""
    rows = await scene.admin.fetch(
        "select entry from audit.audit_event where tenant_id = $1 order by leaf_index limit $2", tree, size
    )
    root = root_of(leaf_hash(bytes(row["entry"])) for row in rows)
    note = SIGNER.sign(Checkpoint(origin(tree), size, root))
    await scene.forge(TAKE_BACK, tree=tree, size=size, root=root.hex(), note=note)


async def test_a_tenant_that_was_rolled_back_contradicts_what_the_customer_kept(scene: Scene) -> None:
    await take_back(scene, scene.reader.tenant, 200)
    found = await scene.found()
    assert (found.place, found.kind) == ("the older checkpoint", "rolled-back")


async def test_a_tenant_that_was_rolled_back_contradicts_the_ledger(scene: Scene) -> None:
    await take_back(scene, scene.reader.tenant, 200)
    found = await scene.found(replace(scene.wanted, older=None))
    assert (found.place, found.kind) == ("ledger entry 2", "rolled-back")


async def test_it_does_so_also_where_the_list_of_its_entries_was_cut(
    scene: Scene, issuer: TestIssuer
) -> None:
    await take_back(scene, scene.reader.tenant, 295)
    await scene.forge("delete from audit.ledger_entry where tenant_id = $1 and size = 300")
    report = await check(scene.reader, replace(scene.wanted, older=None))
    assert report.proved, "the cut list alone hides it"
    scene.reader.http.headers.update(issuer.operator())  # a customer sees no other tree
    found = await scene.found(replace(scene.wanted, older=None, whole_ledger=True))
    assert (found.place, found.kind) == ("ledger entry 2", "rolled-back")


async def test_everything_rolled_back_contradicts_the_anchor(scene: Scene) -> None:
    """Tenant and ledger alike, both signed anew; the customer kept nothing, the write-once folder did."""
    await take_back(scene, scene.reader.tenant, 290)
    await take_back(scene, LEDGER, 2)
    await scene.forge("delete from audit.ledger_entry where leaf_index >= 2;\ndelete from audit.anchor")
    found = await scene.found(replace(scene.wanted, older=None))
    assert (found.place, found.kind) == (f"{3:020d}.checkpoint", "rolled-back")


async def test_a_rewritten_history_contradicts_what_was_kept(scene: Scene) -> None:
    """Edited, recomputed and signed anew: the log is whole in itself, and not the one that it was."""
    await scene.forge(EDIT)
    rows = await scene.admin.fetch(
        "select entry from audit.audit_event where tenant_id = $1 order by leaf_index", scene.reader.tenant
    )
    hashes = [leaf_hash(bytes(row["entry"])) for row in rows]
    checkpoint = Checkpoint(origin(scene.reader.tenant), SIZE, root_of(hashes))
    await scene.forge(
        RECOMPUTE,
        tile=b"".join(hashes[:256]).hex(),
        above=root_of(hashes[:256]).hex(),
        size=SIZE,
        root=checkpoint.root.hex(),
        note=SIGNER.sign(checkpoint),
    )
    found = await scene.found()
    assert (found.place, found.kind) == ("the older checkpoint", "rewritten")
    found = await scene.found(replace(scene.wanted, older=None))
    assert (found.place, found.kind) == ("ledger entry 2", "rewritten")


async def test_a_checkpoint_signed_with_another_key_is_refused(scene: Scene) -> None:
    other = Signer(SIGNER.name, Ed25519PrivateKey.generate())
    row = await scene.admin.fetchrow(
        "select size, root from audit.tree_head where tenant_id = $1", scene.reader.tenant
    )
    assert row is not None
    note = other.sign(Checkpoint(origin(scene.reader.tenant), row["size"], bytes(row["root"])))
    await scene.forge(REPLACE_NOTE, note=note)
    found = await scene.found()
    assert (found.place, found.kind) == ("the checkpoint", "signature")
