"""`simbond demo`: the main job, with real processes."""

import sys
from time import perf_counter
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from ..agent_process import AgentError
from ..build import BuildError
from ..client import ApiProblem, Unreachable
from ..demo.story import STORY, NotObserved
from ..demo.world import DemoError, World
from ..hlr import HlrError
from ..micropython import MicroPythonNotFoundError
from .common import LOCAL, NEGATIVE, Failure, json_option, print_json, print_table, when

_FAILURES = (NotObserved, AgentError, ApiProblem, Unreachable, HlrError)


@click.command()
@click.option(
    "--target",
    type=click.Choice(["osmo-hlr", "embedded"]),
    help="Who bars the card. Default: osmo-hlr where it is installed, else the embedded table.",
)
@json_option
def demo(target: str | None, as_json: bool) -> None:
    """Shows a card being moved into a foreign device, and refused by the network."""
    console = Console(stderr=as_json, highlight=False)
    begun = perf_counter()
    try:
        with _Progress(console, quiet=as_json) as progress:
            progress.begin("Start verifier, network, two modems, two agents under MicroPython")
            with World(target) as world:
                progress.end(True, f"target: {world.target}")
                steps = _tell(world, progress)
                history = world.history() if all(s["ok"] for s in steps) else []
                name = world.target
    except (DemoError, MicroPythonNotFoundError, BuildError, HlrError) as e:
        raise Failure("demo", f"The demo cannot run here: {e}", exit_code=LOCAL) from None
    ok = all(s["ok"] for s in steps)
    if as_json:
        print_json({"ok": ok, "target": name, "steps": steps})
    else:
        if history:
            console.print("\nThe card's history:")
            _show(history)
        verdict = "Every step was observed" if ok else "Not every step was observed"
        console.print(f"\n{verdict}, on {name}, in {perf_counter() - begun:.1f} s.")
    if not ok:
        sys.exit(NEGATIVE)


def _tell(world: World, progress: "_Progress") -> list[dict[str, Any]]:
    """Runs the story. Nothing after a step that failed is tried: it would stand on what did not happen."""
    steps: list[dict[str, Any]] = []
    broken = False
    for step in STORY:
        start = perf_counter()
        if broken:
            ok, detail = False, "not reached"
        else:
            progress.begin(step.title)
            try:
                ok, detail = True, step.run(world)
            except _FAILURES as e:
                ok, detail, broken = False, str(e), True
            progress.end(ok, detail)
        steps.append({"name": step.name, "ok": ok, "ms": round((perf_counter() - start) * 1000), "detail": detail})
    return steps


class _Progress:
    """A line per step: with a spinner on a terminal, when it is done elsewhere."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._status = console.status("") if console.is_terminal and not quiet else None
        self._title = ""
        self._start = 0.0

    def __enter__(self) -> "_Progress":
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def begin(self, title: str) -> None:
        self._title, self._start = title, perf_counter()
        if self._status:
            self._status.update(escape(title))

    def end(self, ok: bool, detail: str) -> None:
        if self._quiet:
            return
        mark = "[green]ok[/]" if ok else "[red]NO[/]"
        self._console.print(f"{mark}  {escape(self._title)}  [dim]{perf_counter() - self._start:.1f} s[/]")
        self._console.print(f"    {escape(detail)}", soft_wrap=True)


def _show(history: list[dict[str, Any]]) -> None:
    rows = [
        (
            when(line["at"]),
            line["kind"],
            line["state"],
            line["actor"],
            ", ".join(line["reasons"]) or line["detail"].get("scenario", ""),
            f"{line['enforcement']['ms']} ms" if line["enforcement"] and line["enforcement"]["ms"] is not None else "",
        )
        for line in history
    ]
    print_table(("when", "what", "state", "by", "why", "confirmed after"), rows)
