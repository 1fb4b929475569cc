"""Alerts in the store: what each channel was told, and the notices that are owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from headrace.alerting import BY_ITSELF, GOOD, VERDICTS, AlertState, History, News, Notice, Trouble
from headrace.model import Run
from headrace.store import rows
from headrace.store.ledger import insert
from headrace.store.service_tables import ALERTS, NOTICES
from headrace.store.tables import LIVE_RUN, RUNS
from headrace.store.verbs import Verbs, reads, writes

_RUNS = 6  # that say how a sync fares, for its history
_BACK = 500  # runs of a sync, skipped ones too, among which the first is looked for that nobody made up for

# Without what a run was to do, which is large, and which nobody asks here.
_COLUMNS = [sa.null().label("spec") if column is RUNS.c.spec else column for column in RUNS.c]
_KEY = (ALERTS.c.channel, ALERTS.c.sync, ALERTS.c.trouble)
_ANEW = RUNS.c.kind == "resend"


# ------------------------------------------------------------------------------------------------------------- runs


def run_news(connection: sa.Connection, since: datetime | None) -> News:
    ended: dict[str, str] = {}
    if since is not None:
        query = sa.select(RUNS.c.id, RUNS.c.sync).where(RUNS.c.ended_at >= since)
        ended = {row.id: row.sync for row in connection.execute(query)}
    live = sa.select(RUNS.c.sync, RUNS.c.created_at).where(LIVE_RUN, RUNS.c.trigger.in_(BY_ITSELF))
    return News(ended, {row.sync: row.created_at for row in connection.execute(live)})


def histories(connection: sa.Connection, syncs: Sequence[str]) -> dict[str, History]:
    return {sync: History(_runs(connection, sync), _owed(connection, sync)) for sync in syncs}


def _runs(connection: sa.Connection, sync: str) -> list[Run]:
    told = RUNS.c.sync == sync, RUNS.c.state.in_(VERDICTS), ~_ANEW
    newest = sa.select(*_COLUMNS).where(*told).order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc()).limit(_RUNS)
    found = connection.execute(newest).all()
    totals = rows.totals(connection, found)
    return [replace(rows.run_of(row, totals[row.id]), spec={}) for row in found]


def _owed(connection: sa.Connection, sync: str) -> datetime | None:
    """When the first run came up, by itself and after the newest good run had ended, that did not end well."""
    columns = RUNS.c.state, RUNS.c.trigger, RUNS.c.created_at, RUNS.c.ended_at
    newest = sa.select(*columns).where(RUNS.c.sync == sync, ~_ANEW).order_by(RUNS.c.created_at.desc(), RUNS.c.id.desc())
    came_up: list[datetime] = []
    for row in connection.execute(newest.limit(_BACK)):
        if row.state in GOOD:
            came_up = [moment for moment in came_up if moment > row.ended_at]
            break
        if row.trigger in BY_ITSELF:
            came_up.append(row.created_at)
    return min(came_up, default=None)


# ----------------------------------------------------------------------------------------------------------- states


def alert_states(connection: sa.Connection, *, only_open: bool = False) -> list[AlertState]:
    query = sa.select(ALERTS).order_by(ALERTS.c.since.desc(), *_KEY)
    if only_open:
        query = query.where(ALERTS.c.open)
    return [
        AlertState(row.channel, row.sync, Trouble(row.trouble), row.open, row.since, row.run)
        for row in connection.execute(query)
    ]


def turn_alert(connection: sa.Connection, state: AlertState, text: str, at: datetime) -> bool:
    told = {"open": state.open, "since": state.since, "run": state.run}
    if state.open:
        new = insert(connection, ALERTS).values(**_key(state), **told)
        turn: Any = new.on_conflict_do_update(index_elements=_KEY, set_=told, where=_may_turn(state))
    else:
        turn = sa.update(ALERTS).where(_is(state), _may_turn(state)).values(told)
    if connection.execute(turn.returning(ALERTS.c.open)).first() is None:
        return False
    owed = {"recovered": not state.open, "run": state.run, "text": text, "at": at, "next_try": at}
    connection.execute(sa.insert(NOTICES).values(**_key(state), **owed))
    return True


def forget_alert(connection: sa.Connection, state: AlertState) -> None:
    connection.execute(sa.delete(ALERTS).where(_is(state)))


def _key(state: AlertState) -> dict[str, str]:
    return {"channel": state.channel, "sync": state.sync, "trouble": state.trouble.value}


def _is(state: AlertState) -> sa.ColumnElement[bool]:
    return sa.and_(*(column == _key(state)[column.name] for column in _KEY))


def _may_turn(state: AlertState) -> sa.ColumnElement[bool]:
    """It stands the other way, by something that is not newer."""
    return sa.and_(ALERTS.c.open != state.open, ALERTS.c.since <= state.since)


# ---------------------------------------------------------------------------------------------------------- notices


def owed_notices(connection: sa.Connection, now: datetime, limit: int = 500) -> list[Notice]:
    due = sa.select(NOTICES).where(NOTICES.c.next_try <= now).order_by(NOTICES.c.next_try, NOTICES.c.id).limit(limit)
    return [_notice(row) for row in connection.execute(due)]


def claim_notice(connection: sa.Connection, notice: Notice, next_try: datetime) -> bool:
    still = NOTICES.c.id == notice.id, NOTICES.c.tries == notice.tries, NOTICES.c.next_try.is_not(None)
    claim = sa.update(NOTICES).where(*still).values(tries=NOTICES.c.tries + 1, next_try=next_try)
    return connection.execute(claim).rowcount == 1


def notice_sent(connection: sa.Connection, notice_id: int, at: datetime, remark: str = "") -> None:
    _settle(connection, notice_id, sent_at=at, next_try=None, problem=remark)


def notice_failed(connection: sa.Connection, notice_id: int, problem: str, *, again: bool) -> None:
    if again:
        _settle(connection, notice_id, problem=problem)
    else:
        _settle(connection, notice_id, problem=problem, next_try=None)


def _settle(connection: sa.Connection, notice_id: int, **values: Any) -> None:
    connection.execute(sa.update(NOTICES).where(NOTICES.c.id == notice_id).values(values))


def notices(connection: sa.Connection, limit: int = 50, before: int | None = None) -> list[Notice]:
    newest = sa.select(NOTICES).order_by(NOTICES.c.id.desc()).limit(limit)
    if before is not None:
        newest = newest.where(NOTICES.c.id < before)
    return [_notice(row) for row in connection.execute(newest)]


def forget_notices(connection: sa.Connection, before: datetime) -> int:
    return connection.execute(sa.delete(NOTICES).where(NOTICES.c.at < before, NOTICES.c.next_try.is_(None))).rowcount


def _notice(row: sa.Row[Any]) -> Notice:
    return Notice(
        row.id, row.channel, row.sync, Trouble(row.trouble), row.recovered, row.run, row.text, row.at, row.tries,
        row.next_try, row.problem, row.sent_at,
    )  # fmt: skip


class AlertVerbs(Verbs):
    """`headrace.alerting.AlertStore`."""

    run_news = reads(run_news)
    histories = reads(histories)
    alert_states = reads(alert_states)
    turn_alert = writes(turn_alert)
    forget_alert = writes(forget_alert)
    owed_notices = reads(owed_notices)
    claim_notice = writes(claim_notice)
    notice_sent = writes(notice_sent)
    notice_failed = writes(notice_failed)
    notices = reads(notices)
    forget_notices = writes(forget_notices)
