"""Resources by configuration version: a lease sees one from beginning to end (law 8)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from cdc_daemon.daemon.generations import Generations

pytestmark = pytest.mark.asyncio


class Pools:
    """Notes what is opened and closed; ``broken`` versions cannot be opened, ``stuck`` not closed."""

    def __init__(self):
        self.opened, self.closed, self.broken, self.stuck = [], [], set(), set()
        self.generations = Generations(self.open)

    @asynccontextmanager
    async def open(self, version):
        await asyncio.sleep(0)
        if version in self.broken:
            raise ConnectionError(version)
        self.opened.append(version)
        try:
            yield f"pool-{version}"
        finally:
            await asyncio.sleep(0)
            if version in self.stuck:
                raise OSError(version)
            self.closed.append(version)


async def test_opened_once_however_many_ask_at_once():
    """Leases of one version share its resource, which stays open as the newest."""
    pools = Pools()

    async def use():
        async with pools.generations.lease(1) as pool:
            await asyncio.sleep(0)
            return pool

    assert await asyncio.gather(*(use() for _ in range(5))) == ["pool-1"] * 5
    assert (pools.opened, pools.closed, pools.generations.versions) == ([1], [], (1,))


async def test_nothing_is_opened_before_it_is_asked_for():
    """A version that nobody leases costs nothing."""
    pools = Pools()
    assert pools.generations.versions == ()
    await pools.generations.aclose()
    assert pools.opened == []


async def test_an_old_pool_outlives_the_reload_until_its_last_lease_ends():
    """Pools of the old generation close when their last lease ends, and not before."""
    pools = Pools()
    async with pools.generations.lease(1) as old:
        async with pools.generations.lease(1), pools.generations.lease(2) as new:
            assert (old, new) == ("pool-1", "pool-2")
        assert (pools.closed, pools.generations.versions) == ([], (1, 2))
    assert (pools.closed, pools.generations.versions) == ([1], (2,))
    await pools.generations.aclose()
    assert pools.closed == [1, 2]


async def test_an_old_pool_that_is_idle_closes_with_the_first_lease_of_a_new_one():
    """What nobody uses does not stay open beside its successor."""
    pools = Pools()
    for version in (1, 2):
        async with pools.generations.lease(version):
            pass
    assert (pools.closed, pools.generations.versions) == ([1], (2,))


async def test_a_late_lease_of_an_old_version_gets_it_again():
    """A job made under an old configuration runs under it, and leaves nothing open."""
    pools = Pools()
    for version in (2, 1):
        async with pools.generations.lease(version) as pool:
            assert pool == f"pool-{version}"
    assert (pools.closed, pools.generations.versions) == ([1], (2,))


@pytest.mark.parametrize("error", [asyncio.CancelledError, RuntimeError])
async def test_a_lease_that_ends_badly_still_retires_its_pool(error):
    """Cancelled or failed: the old pool is closed all the same."""
    pools = Pools()
    async with pools.generations.lease(2):
        with pytest.raises(error):
            async with pools.generations.lease(1):
                raise error
        assert pools.closed == [1]


async def test_a_cancelled_task_closes_its_pool_before_it_ends():
    """Whoever waits for the task finds the pool closed."""
    pools, holding = Pools(), asyncio.Event()

    async def hold():
        async with pools.generations.lease(1):
            holding.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await holding.wait()
    async with pools.generations.lease(2):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pools.closed == [1]


async def test_a_pool_that_could_not_open_is_tried_again():
    """A failure to open is the lease's alone, and not remembered."""
    pools = Pools()
    pools.broken.add(1)
    with pytest.raises(ConnectionError):
        async with pools.generations.lease(1):
            pass
    pools.broken.clear()
    async with pools.generations.lease(1) as pool:
        assert pool == "pool-1"


async def test_a_lease_cancelled_while_it_opens_leaves_the_others_alone():
    """The next one in line opens the resource."""
    pools = Pools()

    async def use():
        async with pools.generations.lease(1) as pool:
            return pool

    first, second = asyncio.create_task(use()), asyncio.create_task(use())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "pool-1"
    assert first.cancelled()
    assert pools.opened == [1]


async def test_all_are_closed_at_the_end():
    """The end leaves none open, however many versions there were."""
    pools = Pools()
    async with pools.generations.lease(1), pools.generations.lease(2), pools.generations.lease(3):
        assert pools.generations.versions == (1, 2, 3)
        await pools.generations.aclose()
        assert sorted(pools.closed) == [1, 2, 3]
        assert pools.generations.versions == ()


async def test_a_pool_that_cannot_be_closed_fails_nobody():
    """The lease that was the last one of it ends well, and what failed is told by its class."""
    pools = Pools()
    pools.stuck = {1, 2}
    with capture_logs() as lines:
        async with pools.generations.lease(3):
            for version in (1, 2):
                async with pools.generations.lease(version) as pool:
                    assert pool == f"pool-{version}"
    told = [(line["event"], line["generation"], line["error_kind"]) for line in lines]
    assert told == [("not closed", 1, "OSError"), ("not closed", 2, "OSError")]
    assert pools.generations.versions == (3,)


async def test_the_end_closes_the_others_where_one_cannot_be_closed():
    """One that fails leaves no other open."""
    pools = Pools()
    pools.stuck = {2}
    generations = pools.generations
    with capture_logs() as lines:
        async with generations.lease(1), generations.lease(2), generations.lease(3):
            await generations.aclose()
    assert (sorted(pools.closed), generations.versions, len(lines)) == ([1, 3], (), 1)


async def test_the_error_of_a_job_is_not_lost_over_the_end_of_its_pool():
    """What the block raised is what is raised, though its pool cannot be closed either."""
    pools = Pools()
    pools.stuck = {1}
    with capture_logs():
        async with pools.generations.lease(2):
            with pytest.raises(RuntimeError):
                async with pools.generations.lease(1):
                    raise RuntimeError
