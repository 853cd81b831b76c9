"""A service's key on the bus opens nothing that is not its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import nats.errors
import nats.js.errors
import pytest
from nats.aio.client import Client

from chassis.bus import Bus, BusUnavailable
from contracts import settings
from contracts.subjects import RECEIPTS, SERVICES, STREAMS, replay_subject
from deploy.nats.permissions import CONSUMES, durable_of
from tests.infra import TestNats, eventually
from tests.integration.chassis.numbered_events import publish, several

Connect = Callable[[str], Awaitable["Intruder"]]


class Intruder:
    """A client with a service's key that notes every refusal."""

    def __init__(self) -> None:
        self.nc = Client()
        self.refusals: list[str] = []

    async def connect(self, url: str, seed: str, inbox_prefix: str) -> None:
        async def note(error: Exception) -> None:
            self.refusals.append(str(error))

        await self.nc.connect(url, nkeys_seed_str=seed, inbox_prefix=inbox_prefix, error_cb=note)

    async def is_refused_publishing(self, subject: str) -> bool:
        return await self._is_refused(subject, self.nc.publish(subject, b"{}"))

    async def is_refused_hearing(self, subject: str) -> bool:
        return await self._is_refused(subject, self.nc.subscribe(subject))

    async def _is_refused(self, subject: str, attempt: Awaitable[object]) -> bool:
        before = len(self.refusals)
        await attempt
        # A ping overtakes what waits in the client's buffer, the second one does not; the server answers in order.
        await self.nc.flush()
        await self.nc.flush()
        return any(f'"{subject.lower()}"' in text.lower() for text in self.refusals[before:])


@pytest.fixture
async def connect(nats_server: TestNats) -> AsyncIterator[Connect]:
    """`await connect("audit")` with the service's real key."""
    intruders: list[Intruder] = []

    async def make(service: str) -> Intruder:
        intruders.append(Intruder())
        await intruders[-1].connect(nats_server.url, nats_server.seed(service), f"_INBOX_{service}")
        return intruders[-1]

    yield make
    for intruder in intruders:
        await intruder.nc.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_key_publishes_only_its_own_subjects(connect: Connect, service: str) -> None:
    intruder = await connect(service)
    for other in SERVICES:
        subject = f"{other}.tenant.created.v1"
        assert await intruder.is_refused_publishing(subject) == (other != service), subject
    feed = "feed.01a1fc3f-1dc0-743e-acd5-a7ec554be8b7.all"
    assert await intruder.is_refused_publishing(feed) == (service != "bff")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_key_hears_no_events_no_requests_and_no_answers_of_others(
    connect: Connect, service: str
) -> None:
    intruder = await connect(service)
    for other in SERVICES:
        if other != service:
            assert await intruder.is_refused_hearing(f"_INBOX_{other}.>")
            assert await intruder.is_refused_hearing(f"rpc.{other}.>")
        assert await intruder.is_refused_hearing(f"{other}.>"), "events come through a durable only"
    for subject in (">", "feed.>", "_INBOX.>", "$JS.API.>", "$SYS.>"):
        assert await intruder.is_refused_hearing(subject), subject


@pytest.mark.parametrize("service", SERVICES)
async def test_a_key_reads_only_its_own_durables(connect: Connect, service: str) -> None:
    intruder = await connect(service)
    for producer in SERVICES:
        for reader in SERVICES:
            own = reader == service and producer in CONSUMES[service]
            for verb in ("MSG.NEXT", "INFO"):
                subject = f"$JS.API.CONSUMER.{verb}.{STREAMS[producer]}.{durable_of(reader)}"
                assert await intruder.is_refused_publishing(subject) != own, subject
            ack = f"$JS.ACK.{STREAMS[producer]}.{durable_of(reader)}.1.1.1.1700000000000000000.0"
            assert await intruder.is_refused_publishing(ack) != own, ack


@pytest.mark.parametrize("service", SERVICES)
async def test_a_key_changes_no_stream_and_no_durable(connect: Connect, service: str) -> None:
    intruder = await connect(service)
    for producer in SERVICES:
        stream = STREAMS[producer]
        for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "SNAPSHOT", "MSG.DELETE"):
            assert await intruder.is_refused_publishing(f"$JS.API.STREAM.{verb}.{stream}")
        assert await intruder.is_refused_publishing(f"$JS.API.CONSUMER.DELETE.{stream}.{durable_of(service)}")
        assert await intruder.is_refused_publishing(f"$JS.API.CONSUMER.CREATE.{stream}.spy")
        assert await intruder.is_refused_publishing(f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.spy")
        get = f"$JS.API.STREAM.MSG.GET.{stream}"
        assert await intruder.is_refused_publishing(get) == (producer != service), get
        assert await intruder.is_refused_publishing(f"$JS.API.DIRECT.GET.{stream}")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_key_asks_only_the_sources_it_consumes(connect: Connect, service: str) -> None:
    intruder = await connect(service)
    for producer in SERVICES:
        allowed = producer in CONSUMES[service] or producer == service
        refused = await intruder.is_refused_publishing(replay_subject(producer))
        if producer != service:
            assert refused != allowed, producer


@pytest.mark.parametrize("service", SERVICES)
async def test_the_bucket_of_settings_is_written_by_the_registry_and_heard_by_its_readers_only(
    connect: Connect, service: str, ops_bus: Bus
) -> None:
    intruder = await connect(service)
    subject = f"{settings.PREFIX}flag._.bff_backoffice_enabled"
    assert await intruder.is_refused_publishing(subject) == (service != "registry")
    assert (await ops_bus.js.stream_info(settings.STREAM)).state.messages == (
        1 if service == "registry" else 0
    )
    reads = service in settings.READERS
    assert await intruder.is_refused_hearing(f"{settings.PREFIX}>") != reads
    get = f"$JS.API.DIRECT.GET.{settings.STREAM}"
    assert await intruder.is_refused_publishing(get) == (not reads and service != "registry")
    for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE"):
        assert await intruder.is_refused_publishing(f"$JS.API.STREAM.{verb}.{settings.STREAM}")
    assert await intruder.is_refused_publishing(f"$JS.API.CONSUMER.CREATE.{settings.STREAM}.spy")


async def test_a_forged_event_reaches_no_stream(
    connect: Connect, ops_bus: Bus, registry_bus: Bus, nats_server: TestNats
) -> None:
    intruder = await connect("bff")
    [event] = several(1)
    with pytest.raises((nats.errors.Error, nats.js.errors.Error, TimeoutError)):
        await intruder.nc.jetstream().publish(
            event.envelope.type, event.data, headers=event.headers, timeout=0.5
        )
    await publish(registry_bus, [event])
    assert (await ops_bus.js.stream_info("REGISTRY")).state.messages == 1


async def test_a_wrong_key_and_no_key_are_refused(nats_server: TestNats) -> None:
    for seed in (None, "SUAIRTCT6ZCCDGLHCOXCDHTB4B3BLPZTVTPRCL4MCPQ5KPUEHOK7XCOLFM"):
        bus = Bus("audit", nats_server.url, seed, on_closed=lambda: None)
        await bus.connect()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bus.wait_connected(), 0.5)
        await bus.close()


async def test_an_answer_is_allowed_to_the_requester_only(
    registry_bus: Bus, audit_bus: Bus, connect: Connect
) -> None:
    async def answer(data: bytes) -> bytes:
        return b"for you"

    await registry_bus.respond(replay_subject("registry"), answer)

    async def is_answered() -> bool:
        try:
            return await audit_bus.request(replay_subject("registry"), b"") == b"for you"
        except BusUnavailable:  # the server has not heard of the responder yet
            return False

    await eventually(is_answered)
    intruder = await connect("registry")
    assert await intruder.is_refused_publishing("_INBOX_audit.anything")
    with pytest.raises(BusUnavailable):
        await audit_bus.request(replay_subject("bff"), b"", timeout=0.3)
    await eventually(lambda: audit_bus.is_connected)


async def test_the_bff_alone_asks_for_receipts_and_audit_alone_answers(connect: Connect) -> None:
    for service in SERVICES:
        intruder = await connect(service)
        assert await intruder.is_refused_publishing(RECEIPTS) == (service != "bff")
        assert await intruder.is_refused_hearing(RECEIPTS) == (service != "audit")
