"""The way of a run. Pure: no clock, no I/O, no chance, so that any engine may carry it and replay it.

Every step is done at least once and may be done again: what was settled stays settled, in the ledger.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol


class Ctx(Protocol):
    """What an engine gives the coroutine. Arguments and results of steps are JSON."""

    async def do(self, step: str, *args: Any) -> Any:
        """Carry out a step at least once."""
        ...

    async def gather(self, work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Carry out several pieces of work side by side, in an order that a replay repeats."""
        ...


async def run_sync(ctx: Ctx, run_id: str) -> None:
    """Read everything, stage it, then deliver every part to every destination, each at its own pace."""
    problem = None
    plan = await ctx.do("plan", run_id)
    if plan["state"] == "new":
        problem = plan["problem"] or await ctx.do("extract", run_id)
    if problem is None:
        work = await ctx.do("outstanding", run_id)
        problems = await ctx.gather([_deliver(ctx, run_id, name, seqs) for name, seqs in work])
        problem = next((found for found in problems if found is not None), None)
    await ctx.do("finish", run_id, problem)


async def _deliver(ctx: Ctx, run_id: str, destination: str, seqs: Sequence[int]) -> Any:
    """One destination: its parts side by side; how many at once is the lane's business."""
    problems = await ctx.gather([ctx.do("deliver", run_id, destination, seq) for seq in seqs])
    return next((found for found in problems if found is not None), None)
