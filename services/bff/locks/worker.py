"""Takes lock actions through their steps: receipt, command, outcome. Any process may, each action by one at a time.

No receipt, no command: while audit is away actions wait, and fail at their deadline. A command is sent once; whoever cannot
say what became of it asks the vendor by its key, again and again, and sends nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import orjson
import structlog

from chassis.clock import Clock
from chassis.db import Database, rows
from chassis.errors import Transient
from chassis.rounds import go_round
from chassis.switches import Switches
from contracts.lock_actions import Answered
from services.bff.locks import errors, halts, operations
from services.bff.locks.model import Action, Timing, wait_after
from services.bff.locks.receipts import ReceiptDelayed, ReceiptInvalid, Receipts, ReceiptsHalted
from services.bff.locks.store import queries
from services.bff.locks.vendor import Vendor, VendorError, VendorRefused, VendorUnreachable

log = structlog.get_logger(__name__)
AT_ONCE = 100
CrashPoint = Callable[[str], Awaitable[None]]


async def _nothing(_: str) -> None:
    """Nobody crashes here outside tests."""


class LockWorker:
    """A part of the runtime. `at` is called with the name of each step, so that a test can end the process there."""

    name = "lock-actions"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        switches: Switches,
        receipts: Receipts,
        vendor: Vendor,
        timing: Timing,
        *,
        every: float = 0.2,
        at: CrashPoint = _nothing,
    ) -> None:
        self._database = database
        self._clock = clock
        self._switches = switches
        self._receipts = receipts
        self._vendor = vendor
        self._timing = timing
        self._every = every
        self._at = at
        self._hands: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; what is in hand then is gone on with by whoever takes it next."""
        await self._database.wait_ready()
        try:
            await go_round(self.name, self.take_due, self._every)
        finally:
            for task in self._hands:
                task.cancel()
            await asyncio.gather(*self._hands, return_exceptions=True)

    async def take_due(self) -> int:
        """Take what is due and go on with it beside this; how many. Raises Transient where the database is away."""
        most = AT_ONCE - len(self._hands)
        if most <= 0:
            return 0
        now = self._clock.now()
        async with self._database.worker() as tx:
            found = await rows(
                queries.take_due(tx, now=now, until=self._until(self._timing.receipt), most=most)
            )
        for row in found:
            task = asyncio.create_task(self._go_on(Action.read(row)))
            self._hands.add(task)
            task.add_done_callback(self._hands.discard)
        return len(found)

    async def settle(self) -> None:
        """Wait for what is in hand; for tests."""
        await asyncio.gather(*self._hands)

    async def _go_on(self, action: Action) -> None:
        """To its end, or to where it has to wait. What fails here is due again when its lease ends."""
        try:
            await self._at("taken")
            if action.state == "pending":
                await self._prove(action)
            elif action.state == "receipted":
                await self._send(action)
            else:
                await self._ask(action)
        except Transient as error:
            log.warning("lock_action.waiting", action_id=str(action.action_id), error=str(error))
        except Exception:
            log.exception("lock_action.step_failed", action_id=str(action.action_id), state=action.state)

    async def _prove(self, action: Action) -> None:
        """The receipt of the request, and nothing else, opens the way to the command."""
        says = orjson.loads(action.requested().data())
        try:
            receipt = await self._receipts.ask(action.tenant_id, action.event_id, says)
        except ReceiptDelayed as error:
            await self._wait_for_receipt(action, str(error))
            return
        except ReceiptsHalted as error:
            await self._fail(action, errors.HALTED, str(error))
            return
        except ReceiptInvalid as error:
            # A page: audit, or whoever speaks for it, claims what it cannot prove.
            log.exception("lock_action.receipt_invalid", action_id=str(action.action_id))
            await self._fail(action, errors.BAD_RECEIPT, str(error))
            return
        await self._at("proven")
        async with self._database.worker() as tx:
            proven = await operations.note_receipt(
                tx, action, receipt, self._clock.now(), self._until(self._timing.margin)
            )
        await self._at("receipted")
        if proven is not None:
            await self._send(proven)

    async def _wait_for_receipt(self, action: Action, why: str) -> None:
        if self._clock.now() >= action.expires_at:
            await self._fail(action, errors.NO_RECEIPT, why)
            return
        async with self._database.worker() as tx:
            await operations.put_off(tx, action, self._clock.now() + timedelta(seconds=self._timing.again))

    async def _send(self, action: Action) -> None:
        """That it is about to be sent is on the disk before the first byte goes out."""
        if self._clock.now() >= action.expires_at:
            await self._fail(action, errors.EXPIRED, "the deadline passed before the command was sent")
            return
        async with self._database.worker() as tx:
            try:
                await halts.require_not_halted(tx, self._switches, action.tenant_id)
            except errors.LocksHalted as halted:
                await operations.fail(tx, action, errors.HALTED, halted.detail, self._clock.now())
                return
            sending = await operations.note_sending(
                tx, action, self._clock.now(), self._until(self._timing.vendor)
            )
        if sending is None:
            return
        await self._at("sending")
        try:
            answered = await self._vendor.send(sending.command())
        except VendorUnreachable as error:
            await self._fail(sending, errors.UNREACHABLE, str(error))
        except VendorRefused as error:
            await self._fail(sending, errors.REFUSED, str(error))
        except VendorError as error:
            await self._doubt(sending, str(error))
        else:
            await self._at("answered")
            await self._conclude(sending, answered)
        await self._at("ended")

    async def _ask(self, action: Action) -> None:
        """What became of a command that may have been sent: only the vendor knows. It is not sent again."""
        try:
            answered = await self._vendor.ask(action.key())
        except VendorError as error:
            await self._doubt(action, str(error))
            return
        if answered is not None:
            await self._conclude(action, answered)
        elif self._clock.now() > action.expires_at + timedelta(seconds=self._timing.skew):
            await self._fail(action, errors.NEVER_ARRIVED, "the vendor never got the command")
        else:
            await self._doubt(action, "the vendor has not got the command so far")

    async def _conclude(self, action: Action, answered: Answered) -> None:
        if answered.outcome == "refused":
            await self._fail(action, errors.REFUSED, answered.detail)
            return
        async with self._database.worker() as tx:
            await operations.succeed(tx, action, answered.detail, self._clock.now())

    async def _doubt(self, action: Action, why: str) -> None:
        async with self._database.worker() as tx:
            until = self._clock.now() + wait_after(action.tries)
            await operations.note_unknown(tx, action, why, until)

    async def _fail(self, action: Action, code: str, why: str) -> None:
        async with self._database.worker() as tx:
            await operations.fail(tx, action, code, why, self._clock.now())

    def _until(self, seconds: float) -> datetime:
        """When another process may go on: after what this step asks, and what it takes beside that."""
        return self._clock.now() + timedelta(seconds=seconds + self._timing.margin)
