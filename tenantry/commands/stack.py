"""`up`, `demo`."""

import asyncio
import contextlib
import signal

import typer
from rich.console import Console

from contracts.subjects import SERVICES
from tenantry.commands.folder import data_folder, run
from tenantry.stack.folder import PRODUCTS
from tenantry.stack.stack import Stack

console = Console(highlight=False)


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(up)
    app.command()(demo)


def up() -> None:
    """Start everything and keep it up until Ctrl-C."""
    run(keep_up())


def demo() -> None:
    """Run the main job on a real stack and check every step; status 0 only if all holds."""
    from tenantry.demo import run as demo_run  # noqa: PLC0415  # a web server, which no other command waits for

    report = run(demo_run.run(data_folder(), console))
    demo_run.show(report, console)
    if not report.all_held:
        raise typer.Exit(1)


async def keep_up() -> None:
    stack = Stack(data_folder(), lambda text: console.print(f"  {text}"))
    await stack.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    for name in ("issuer", *SERVICES, *PRODUCTS):
        console.print(f"  {name:<16} {stack.url(name)}")
    console.print(f"everything is up; data and logs are in {stack.folder.path}; Ctrl-C stops it")
    watching = asyncio.create_task(stack.watch())
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({watching, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        watching.cancel()  # before the processes end because we ask them to; one that ended by itself is told of below
        await stack.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
