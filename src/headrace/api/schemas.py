"""Shapes that several routes share. Each router has its own beside its routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from headrace import model
from headrace.model import CallKind, RunKind, RunState
from headrace.run.job import Job

T = TypeVar("T")


class Shape(BaseModel):
    """Unknown keys are an error: a mistyped one must not be lost in silence."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Page(Shape, Generic[T]):
    """One page of a list. ``next`` is the cursor of the following one; null at the end."""

    items: list[T]
    next: str | None = None


class Finding(Shape):
    where: str
    message: str
    code: str


class Problem(Shape):
    code: str = Field(description="Stable: programs may go by it.")
    message: str = Field(description="What happened, to which thing, and what to do.")
    findings: list[Finding] = []
    run: str | None = Field(None, description="With run_live: the run that lives.")
    line: int | None = Field(None, description="Of the query, from 1, where the database told it.")
    column: int | None = None


class ErrorBody(Shape):
    error: Problem


Moment = datetime
"""ISO 8601 with a zone."""


class Counts(Shape):
    """What became of a run's rows at one destination; they add up to ``extracted``."""

    delivered: int
    duplicate: int
    invalid: int
    rejected: int
    pending: int


class Progress(Shape):
    """What the worker is at, where this process carries the run."""

    phase: str = Field(description="planning, checking, extracting, delivering or ended")
    extracted: int = Field(description="Rows read so far; the ledger counts them a part at a time.")
    waiting: dict[str, str] = Field(description="Destinations that are being waited for, and why.")


class RunShown(Shape):
    """A run, as `headrace run --json` tells it."""

    id: str
    sync: str
    state: RunState
    kind: RunKind
    call: CallKind | None = Field(description="Null where each call names its own kind.")
    trigger: str = Field(description="manual, schedule, after, full, resend or received")
    version: int | None = Field(description="Of the sync, when the run began.")
    due: Moment | None = Field(description="The due time that the run is for.")
    extracted: int
    unmapped: int = Field(description="Rows that became no call; invalid at every destination.")
    last_sync_time: int = Field(description="What the query saw: Unix seconds.")
    next_last_sync_time: int = Field(description="Where the sync stands after this run.")
    created_at: Moment
    started_at: Moment | None
    ended_at: Moment | None
    error: str | None = Field(description="Why it ended badly, with the stable code in brackets.")
    error_code: str | None
    warnings: list[str]
    cancel_requested: bool
    destinations: dict[str, Counts]
    progress: Progress | None = Field(description="Of a live run that this process carries.")

    @classmethod
    def of(cls, run: model.Run, job: Job | None = None) -> RunShown:
        settled = run.state in (RunState.SUCCEEDED, RunState.PARTIAL)
        return cls(
            id=run.id,
            sync=run.sync,
            state=run.state,
            kind=run.kind,
            call=run.call,
            trigger=run.trigger,
            version=run.version,
            due=run.due,
            extracted=run.extracted,
            unmapped=run.unmapped,
            last_sync_time=run.cursor,
            next_last_sync_time=run.as_of if settled and run.as_of is not None else run.cursor,
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
            error=f"{run.problem.message} [{run.problem.code}]" if run.problem else None,
            error_code=run.problem.code if run.problem else None,
            warnings=list(run.warnings),
            cancel_requested=run.cancel_requested,
            destinations={name: Counts.model_validate(counts) for name, counts in run.counts.items()},
            progress=_progress(job) if job and run.state.live else None,
        )


def _progress(job: Job) -> Progress:
    tally = job.tally
    return Progress(phase=tally.phase, extracted=tally.extracted, waiting=dict(tally.waiting))


class CheckShown(Shape):
    """What a connector found out about its own connection, as `headrace check --json` tells it."""

    ok: bool
    problems: list[str]
    warnings: list[str]
    facts: dict[str, str] = Field(description="For people; `grants` is SQL that makes an account that can only read.")

    @classmethod
    def of(cls, check: model.Check) -> CheckShown:
        facts: Mapping[str, str] = check.facts
        return cls(ok=check.ok, problems=list(check.problems), warnings=list(check.warnings), facts=dict(facts))


Origin = Literal["file", "store"]
"""Where a thing is defined: in a file, where it is edited; or in the store, where the page and the API edit it."""
