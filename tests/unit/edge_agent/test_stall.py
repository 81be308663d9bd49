"""A blocked event loop is noticed and named."""

import asyncio
import threading

from structlog.testing import capture_logs

from edge_agent.stall import StallWatch


async def test_a_task_that_blocks_the_loop_is_named_with_the_place_where_it_hangs():
    noticed = threading.Event()
    with capture_logs() as logs:
        async with StallWatch(limit_s=0.01) as watch:
            tell, watch._tell = watch._tell, lambda: (tell(), noticed.set())

            async def block():
                noticed.wait(60)  # blocks the loop until the watch has seen it

            await asyncio.create_task(block(), name="reader-bad")
        assert watch.stalls >= 1
    stalled = [log for log in logs if log["event"] == "agent.stalled"]
    assert stalled[0]["task"] == "reader-bad"
    assert any("noticed.wait" in place for place in stalled[0]["at"])
