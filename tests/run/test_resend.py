"""The failed rows of a run are sent again, as they were, to where they failed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import NoReturn

import pyarrow as pa
import pytest

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.errors import HeadraceError
from headrace.model import MapOptions, RunState
from headrace.ports import Limits, Reply
from headrace.testing.fakes import Script, Sent, World
from tests.run.receiving import Receiving, bad, call
from tests.run.resends import Choosy, resend, told
from tests.run.worlds import opened, simulated

PEOPLE = pa.table({"userId": [f"u{n}" for n in range(1, 8)], "plan": list("abcdefg")})


@simulated
async def test_a_row_goes_where_it_failed() -> None:
    """Each row goes to the destinations that refused it; elsewhere it counts as duplicate; no cursor moves."""
    crm, mail = Choosy({"u2", "u3"}), Choosy({"u3", "u5"})
    async with opened({"crm": crm, "mail": mail}, PEOPLE, part_rows=2) as world:
        first = await world.run()
        cursor = (await world.house.store.sync_state("people")).cursor
        await asyncio.sleep(60)
        crm.refused, mail.refused = set(), {"u5"}
        run = await resend(world, first, "crm", "mail")
        assert (await world.house.store.sync_state("people")).cursor == cursor
    assert (run.state, run.extracted, run.kind) == (RunState.PARTIAL, 3, "resend")
    assert (told(run.counts["crm"]), told(run.counts["mail"])) == ((2, 1, 0, 0), (1, 1, 0, 1))
    assert crm.users == sorted(PEOPLE["userId"].to_pylist())
    assert mail.users == sorted({*crm.users} - {"u5"})
    assert {call.id for call in crm.taken} == {f"{first.id}-{row}" for row in range(1, 8)}, "each has the id it had"


@simulated
async def test_only_to_the_destinations_that_are_asked_for() -> None:
    """A resend to one of two destinations leaves the other alone."""
    crm, mail = Choosy({"u2"}), Choosy({"u2", "u4"})
    async with opened({"crm": crm, "mail": mail}, PEOPLE) as world:
        first = await world.run()
        crm.refused = mail.refused = set()
        run = await resend(world, first, "mail")
    assert (run.state, told(run.counts["mail"]), list(run.counts)) == (RunState.SUCCEEDED, (2, 0, 0, 0), ["mail"])
    assert "u2" not in crm.users


@simulated
async def test_a_second_resend_doubles_nothing() -> None:
    """Whoever asks twice, or resends an older run, finds what was delivered since to be a duplicate."""
    crm = Choosy({"u2", "u3"})
    async with opened({"crm": crm}, PEOPLE) as world:
        first = await world.run()
        crm.refused = {"u3"}
        second = await resend(world, first, "crm")
        crm.refused = set()
        third = await resend(world, second, "crm")
        fourth = await resend(world, first, "crm")
    assert [told(run.counts["crm"]) for run in (second, third, fourth)] == [(1, 0, 0, 1), (1, 0, 0, 0), (0, 2, 0, 0)]
    assert Counter(crm.users) == dict.fromkeys(crm.users, 1)


@simulated
async def test_rows_that_became_no_call_are_mapped_anew_for_all() -> None:
    """An edited sync mends rows that were no calls; they go everywhere, beside those that were refused."""
    table = pa.table({"userId": ["u1", None, "u3"], "email": ["a@x", "b@x", "c@x"]})
    crm, mail = Choosy({"u3"}), Choosy()
    async with opened({"crm": crm, "mail": mail}, table) as world:
        first = await world.run()
        crm.refused = set()
        world.sync = replace(world.sync, options=MapOptions(email_identity=True))
        run = await resend(world, first, "crm", "mail")
    assert run.state is RunState.SUCCEEDED
    assert (told(run.counts["crm"]), told(run.counts["mail"])) == ((2, 0, 0, 0), (1, 1, 0, 0))
    assert [call.id for call in mail.taken] == [f"{first.id}-1", f"{first.id}-3", f"{first.id}-2"]


@simulated
async def test_rows_that_cannot_be_mended_fail_again() -> None:
    """What was wrong with the row itself is wrong again, and listed again with its values."""
    doc, numeric = (pa.field(name, pa.string(), metadata=says) for name, says in
                     (("doc", JSON_FIELD), ("sum", NUMERIC_FIELD)))  # fmt: skip
    ids = pa.array([b"\x01", None, None, None], pa.binary())
    schema = pa.schema([("userId", pa.binary()), ("anonymousId", pa.string()), doc, numeric])
    table = pa.table([ids, ["a", "b", "c", None], [None, "{", None, None], [None, None, "many", None]], schema=schema)
    crm = Choosy()
    async with opened({"crm": crm}, table) as world:
        first = await world.run()
        listed = await world.failures(first)
        run = await resend(world, first, "crm")
        again = await world.failures(run)
    codes = ["bad_type:userId", "bad_json", "bad_number", "missing_identifier"]
    assert [row["code"] for row in listed] == [row["code"] for row in again] == codes
    assert [row["values"] for row in listed] == [row["values"] for row in again]
    assert (told(run.counts["crm"]), crm.taken) == ((0, 0, 4, 0), [])


@simulated
async def test_the_same_call_is_sent() -> None:
    """Numbers of any size, moments, bytes, nested JSON, nulls, dots and context come again as they were."""
    when = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    row = {
        "userId": pa.array([12], pa.int64()),
        "timestamp": pa.array([when], pa.timestamp("us", "UTC")),
        "context.ip": pa.array(["1.2.3.4"]),
        "big": pa.array([2**63 - 1], pa.int64()),
        "exact": pa.array([Decimal("12345678901234567890.123456789")], pa.decimal128(38, 9)),
        "seen": pa.array([when], pa.timestamp("us")),
        "raw": pa.array([b"\x00\xff"], pa.binary()),
        "cart.total": pa.array([0.1]),
        "nothing": pa.array([None], pa.string()),
        "list": pa.array([[{"a": [1, None]}]]),
    }
    crm = Choosy({"12"})
    async with opened({"crm": crm}, pa.table(row)) as world:
        first = await world.run()
        refused = (await world.failures(first))[0]
        crm.refused = set()
        run = await resend(world, first, "crm")
    assert run.state is RunState.SUCCEEDED
    assert '"exact": 12345678901234567890.123456789' in refused["values"]
    assert '"userId": 12,' in refused["values"]
    assert crm.taken[0].body == {
        "type": "identify", "userId": "12", "messageId": f"{first.id}-1", "timestamp": "2026-01-02T03:04:05.678Z",
        "context": {"ip": "1.2.3.4"},
        "traits": {
            "big": 2**63 - 1, "exact": 12345678901234567890.123456789, "seen": "2026-01-02T03:04:05.678Z",
            "raw": "AP8=", "cart": {"total": 0.1}, "nothing": None, "list": [{"a": [1, None]}],
        },
    }  # fmt: skip


@simulated
async def test_many_failures_make_full_parts() -> None:
    """Failures scattered over many parts are gathered; one part holds no more rows than one of a query."""
    crm = Choosy(f"u{n}" for n in range(1, 1000, 3))
    async with opened({"crm": crm}, pa.table({"userId": [f"u{n}" for n in range(1000)]}), part_rows=50) as world:
        first = await world.run()
        crm.refused = set()
        run = await resend(world, first, "crm")
        parts = await world.house.store.parts(run.id)
    assert (run.state, run.extracted) == (RunState.SUCCEEDED, 333)
    assert [part.rows for part in parts] == [50] * 6 + [33]
    assert Counter(crm.users) == dict.fromkeys((f"u{n}" for n in range(1000)), 1)


@simulated
async def test_a_stop_amid_a_resend() -> None:
    """A resend that is stopped while it delivers goes on where it was; each row arrives once."""
    crm = Choosy((f"u{n}" for n in range(60)), Limits(calls=5, in_flight=1))
    async with opened({"crm": crm}, pa.table({"userId": [f"u{n}" for n in range(90)]})) as world:
        first = await world.run()
        crm.refused = set()
        crm.script = stopping(world)
        run = await resend(world, first, "crm")
        stops = 0
        while run.state.live:
            run, stops = await world.run(), stops + 1
    assert stops > 3
    assert (run.state, run.extracted) == (RunState.SUCCEEDED, 60)
    assert Counter(crm.users) == dict.fromkeys((f"u{n}" for n in range(90)), 1)


def stopping(world: World) -> Script:
    """Takes whatever comes, and each time stops the run."""

    def script(_: Sent) -> Reply:
        world.jobs[-1].stop.set()
        return Reply()

    return script


@pytest.mark.parametrize("gone", ["run", "files"])
@simulated
async def test_what_is_gone_cannot_be_resent(monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    """Where the failed rows are gone by the time they are read, the run fails and says so, and may be forgotten."""
    crm = Choosy({"u1"})
    async with opened({"crm": crm}, PEOPLE) as world:
        first = await world.run()
        if gone == "files":
            monkeypatch.setattr(world.errors, "read", unreadable)
        else:
            first = replace(first, id="20260101-000000-000000")
        run = await resend(world, first, "crm")
    assert run.state is RunState.FAILED
    assert run.problem is not None
    assert run.problem.code == ("errors_unreadable" if gone == "files" else "unknown_run")


def unreadable(_run: str, _names: object) -> NoReturn:
    raise HeadraceError("They are gone.", code="errors_unreadable")


@simulated
async def test_received_calls_are_sent_again_as_they_came() -> None:
    """Of calls that came over HTTP, those refused go again, in a part per kind; what is no call stays one."""
    crm = Choosy({"u2", "u3"})
    async with opened({"crm": crm}) as world:
        receiving = Receiving.of(world)
        calls = [call("m1"), call("m2", user_id="u2"), call("m3", "identify", user_id="u3", name=None), bad()]
        await receiving.files.add(calls)
        [first] = await receiving.run()
        crm.refused = set()
        world.sync = receiving.sync
        run = await resend(world, first, "crm")
        listed, again = await world.failures(first), await world.failures(run)
        assert await receiving.cursor() == first.as_of
    assert (told(first.counts["crm"]), told(run.counts["crm"])) == ((1, 0, 1, 2), (2, 0, 1, 0))
    sent = [(taken.id, taken.user, taken.body["type"], taken.body.get("event")) for taken in crm.taken]
    assert sent == [("m1", "u1", "track", "Step"), ("m3", "u3", "identify", None), ("m2", "u2", "track", "Step")]
    assert [(row["code"], json.loads(row["values"])) for row in again] == [("missing_event", {"userId": "u1"})]
    assert "missing_event" in [row["code"] for row in listed]
