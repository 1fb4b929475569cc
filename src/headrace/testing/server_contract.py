"""The contract of a source that reaches a server over a network, with an account there."""

from __future__ import annotations

import asyncio
import traceback
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from headrace.errors import SourceError
from headrace.model import Secret
from headrace.ports import Source
from headrace.testing.source_contract import PROMPT, SourceContract

FAULTS = frozenset({
    "wrong password",
    "unknown host",
    "nothing listens",
    "expired certificate",
    "certificate of an unknown authority",
    "certificate for another name",
})  # fmt: skip


class ServerContract(SourceContract):
    """Besides `SourceContract`: what a source owes that reaches a server over a network, with an account there."""

    @abstractmethod
    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        """For each of `FAULTS`: settings that have it, and words that the check must say of it."""

    @abstractmethod
    def writer(self) -> Mapping[str, Any]:
        """Settings of an account that may write."""

    @abstractmethod
    def sever(self) -> None:
        """Cut every connection of ours, as a failing server or network does."""

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        return list(self.faults().values())

    def test_every_fault_is_tried(self) -> None:
        """No fault that users meet is left out."""
        assert set(self.faults()) >= FAULTS

    async def test_no_secret_is_told(self) -> None:
        """Neither the check of a faulty source nor its error holds a secret of the settings."""
        for settings, _ in self.faults().values():
            secrets = [value.reveal() for value in settings.values() if isinstance(value, Secret)]
            async with self.opened(**settings) as source:
                told = repr(await source.check()) + repr(source)
                with pytest.raises(SourceError) as caught:
                    await source.now()
            told += "".join(traceback.format_exception(caught.value))
            assert not [secret for secret in secrets if secret in told]

    async def test_a_connection_lost_amid_the_rows_is_told(self) -> None:
        """A connection that breaks while rows come ends the reading with an error; no row is made up, none repeated."""

        async def read(source: Source) -> None:
            seen = 0
            async with aclosing(source.read(self.series.format(rows=self.plenty))) as batches:
                async for batch in batches:
                    if not seen:
                        self.sever()
                    assert batch["n"][0].as_py() == seen + 1
                    seen += batch.num_rows

        async with self.opened() as source, asyncio.timeout(PROMPT):
            with pytest.raises(SourceError) as caught:
                await read(source)
            assert caught.value.code == "connection_lost", caught.value.message

    async def test_a_cancel_reaches_the_server(self) -> None:
        """Cancelled while the server computes, the statement ends there too, and nothing keeps running."""
        async with self.opened() as source, asyncio.timeout(PROMPT):
            reading = asyncio.ensure_future(anext(source.read(self.slow)))
            while not await asyncio.to_thread(self.running):
                assert not reading.done(), "it was to compute for long"
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            while await asyncio.to_thread(self.running):
                pass  # a server may take a moment to notice

    async def test_the_check_tells_the_grants(self) -> None:
        """The check shows the statements that make an account which only reads."""
        async with self.opened() as source:
            assert (await source.check()).facts["grants"].strip()

    async def test_the_check_warns_of_an_account_that_can_write(self) -> None:
        """An account that could write works, since runs cannot; the check says how to take that right away."""
        async with self.opened(**self.writer()) as source:
            check = await source.check()
        assert check.ok, check.problems
        assert check.warnings
