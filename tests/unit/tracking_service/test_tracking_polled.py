"""Work that is looked for: told to end, it ends, whatever else comes in the same turn of the loop."""

import asyncio

from tracking_service.polled import Polled, woken


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_part_that_is_woken_in_the_turn_in_which_it_is_told_to_end_ends():
    async def nothing() -> None:
        """There is no work."""

    for between in range(8):
        part = Polled("part", nothing, poll_s=3600, chance=lambda: 0.0)
        task = asyncio.create_task(part.run())
        await turns(20)
        part.wake()
        await turns(between)
        task.cancel()
        await turns(20)
        assert task.done(), f"woken {between} turns before"


async def test_a_call_ends_the_wait_and_so_does_the_time():
    event = asyncio.Event()
    assert not await woken(event, 0.01)
    asyncio.get_running_loop().call_soon(event.set)
    assert await woken(event, 3600)
    assert await woken(event, 0)
