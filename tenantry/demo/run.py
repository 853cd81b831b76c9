"""Runs the main job on a stack and shows it."""

import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tenantry.demo import journey
from tenantry.demo.checks import Report
from tenantry.demo.hops import TraceFollower
from tenantry.demo.receiver import Receiver
from tenantry.demo.world import World
from tenantry.stack.stack import Stack

LOCALE = "fr"


async def run(data: Path, console: Console) -> Report:
    """Start the stack, set the scene, play the main job, stop everything. The report says what held."""

    def say(text: str) -> None:
        console.print(f"  {text}", highlight=False)

    report = Report()
    stack = Stack(data, say)
    console.print("[bold]The stack[/bold]")
    await stack.start()
    try:
        with tempfile.TemporaryDirectory(prefix="tenantry-desktops-") as folder:
            await play(stack, Path(folder), say, report, console)
    finally:
        console.print("[bold]Stopping[/bold]")
        await stack.stop()
    return report


async def play(stack: Stack, desktops: Path, say: journey.Say, report: Report, console: Console) -> None:
    console.print("[bold]The scene[/bold]")
    world = World(stack)
    async with Receiver() as receiver:
        tenant = await world.new_tenant(LOCALE)
        say(f"tenant {tenant.slug} is on trial; its IT admin reads French")
        people = [await world.new_person(tenant, name, "front_desk") for name in ("front.desk", "night.desk")]
        secret = await world.new_endpoint(tenant, receiver.url)
        here, there = await asyncio.gather(
            world.new_desktop(desktops / "1", people[0], "Windows 11"),
            world.new_desktop(desktops / "2", people[1], "Ubuntu 24.04"),
        )
        say("two desktops signed in with a second factor, enrolled their keys and opened sessions")
        scene = journey.Scene(world, tenant, here, there, receiver, secret, stack.folder.path / "mail")
        try:
            await perform(scene, say, report, console)
        finally:
            await asyncio.gather(here.close(), there.close())
            await world.close()


async def perform(scene: journey.Scene, say: journey.Say, report: Report, console: Console) -> None:
    streams = [desktop.go_online(lambda _: None) for desktop in (scene.here, scene.there)]
    await asyncio.wait_for(
        asyncio.gather(*(stream.opened.wait() for stream in streams)), journey.PATIENCE_SECONDS
    )
    console.print("[bold]The main job[/bold]")
    follower = TraceFollower(scene.world.stack.folder.path / "traces", "")
    follower.skip_old()
    trace_id, parent, began = await journey.submit_order(scene, say, report)
    follower.trace_id = trace_id
    await journey.follow_hops(follower, began, say, report)
    await journey.check_streams(scene, trace_id, report)
    await journey.check_mail(scene, LOCALE, report)
    await journey.check_webhook(scene, report)
    journey.check_unbroken(follower, parent, report)
    await journey.check_audit(scene, report)
    console.print("[bold]Offline and back[/bold]")
    await journey.go_offline_and_back(scene, say, report)
    journey.check_feeds(scene, report)


def show(report: Report, console: Console) -> None:
    """The table of what was checked."""
    table = Table(title="What was checked", title_justify="left", show_lines=False)
    table.add_column("")
    table.add_column("claim")
    table.add_column("found", overflow="fold")
    for check in report.checks:
        mark = "[green]✓[/green]" if check.held else "[red]✗[/red]"
        table.add_row(mark, check.claim, check.found)
    console.print(table)
    held = sum(check.held for check in report.checks)
    color = "green" if report.all_held else "red"
    console.print(f"[{color}]{held} of {len(report.checks)} checks hold[/{color}]")
