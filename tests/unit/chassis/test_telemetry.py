"""Where nobody wants spans none is recorded, and the trace goes on all the same."""

import subprocess
import sys

ASKS = """
from opentelemetry import trace
from chassis import telemetry

telemetry.setup("audit", "none")
with telemetry.span_from("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "record") as span:
    print(span.is_recording(), telemetry.trace_id(), telemetry.inject()[0].startswith("00-" + "a" * 32))
with trace.get_tracer("test").start_as_current_span("root") as span:
    print(span.is_recording(), len(telemetry.trace_id()), telemetry.inject()[0] is not None)
"""


def test_without_telemetry_nothing_is_recorded_and_trace_ids_are_passed_on() -> None:
    said = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[:2] == [f"False {'a' * 32} True", "False 32 True"]
