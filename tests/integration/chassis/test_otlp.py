"""Spans and metrics reach a collector that speaks OTLP over HTTP, under the names of their service."""

import asyncio
import sys

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.notifier.peer import Peer, answering

SAYS = """
import sys
from opentelemetry import metrics, trace
from chassis import telemetry

provider = telemetry.setup("audit", sys.argv[1])
metrics.get_meter("test").create_counter("leaves").add(3)
with telemetry.span_from("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "record"):
    pass
provider.shutdown()
metrics.get_meter_provider().shutdown()
"""


async def test_spans_and_metrics_reach_the_collector() -> None:
    async with Peer(answer=answering(200)) as collector:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SAYS, f"otlp:{collector.origin}/"
        )
        assert await process.wait() == 0
        bodies = {request.path: request.body for request in collector.requests}
    spans = ExportTraceServiceRequest.FromString(bodies["/v1/traces"]).resource_spans[0]
    assert [(a.key, a.value.string_value) for a in spans.resource.attributes if a.key == "service.name"] == [
        ("service.name", "tenantry-audit")
    ]
    [span] = spans.scope_spans[0].spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("record", "a" * 32, "b" * 16)
    told = ExportMetricsServiceRequest.FromString(bodies["/v1/metrics"]).resource_metrics[0]
    [metric] = told.scope_metrics[0].metrics
    assert (metric.name, metric.sum.data_points[0].as_int) == ("leaves", 3)
