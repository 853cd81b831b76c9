"""`python -m services.audit.exports`: writes the export that standard input names."""

import asyncio
import sys

from chassis import logs
from chassis.clock import SystemClock
from services.audit.exports.writer import Told, run

if __name__ == "__main__":
    logs.setup("audit")
    sys.exit(asyncio.run(run(Told.model_validate_json(sys.stdin.buffer.read()), SystemClock())))
