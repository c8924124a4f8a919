"""Stages side by side: one item is made while another is used, and never more."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from cdc_daemon.ports.ahead import ahead


class Making:
    """Numbers that are made when they are asked for; notes what became of it."""

    def __init__(self, many: int, fails_at: int = -1) -> None:
        self.made = 0
        self.closed = False
        self._many = many
        self._fails_at = fails_at

    async def items(self):
        try:
            for n in range(self._many):
                if n == self._fails_at:
                    raise ZeroDivisionError
                await asyncio.sleep(0)
                self.made += 1
                yield n
        finally:
            self.closed = True


async def turned() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.asyncio
@pytest.mark.parametrize("many", [0, 1, 2, 7])
async def test_all_items_come_in_order(many):
    """Nothing is lost, doubled or turned round."""
    making = Making(many)
    assert [n async for n in ahead(making.items())] == list(range(many))
    assert making.closed


@pytest.mark.asyncio
async def test_one_item_is_made_ahead_and_no_more():
    """Law 11: while one is used, the next is ready, and the one after is not begun."""
    making = Making(10)
    async with aclosing(ahead(making.items())) as items:
        assert await anext(items) == 0
        await turned()
        assert making.made == 2
        assert await anext(items) == 1
        await turned()
        assert making.made == 3


@pytest.mark.asyncio
async def test_a_failure_comes_after_what_was_made_before_it():
    """The items before are used; then it fails as it would have without."""
    making = Making(5, fails_at=2)
    items = ahead(making.items())
    assert [await anext(items), await anext(items)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        await anext(items)
    assert making.closed


@pytest.mark.asyncio
async def test_a_consumer_that_stops_closes_the_maker():
    """No cursor is left open by an item that nobody waits for (law 8)."""
    making = Making(10, fails_at=1)
    async with aclosing(ahead(making.items())) as items:
        assert await anext(items) == 0
        await turned()  # the next has failed by now, unheard
    assert making.closed


@pytest.mark.asyncio
async def test_a_cancelled_consumer_closes_the_maker():
    """Cancelled while it waits, the maker is cancelled and has closed before anybody goes on."""
    gate, closed = asyncio.Event(), []

    async def items():
        try:
            await gate.wait()
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def consume():
        async for _ in ahead(items()):
            pass

    task = asyncio.ensure_future(consume())
    await turned()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [True]
