"""The wall's live stream (server-sent events, HTML standard, section 9.2)."""

from collections.abc import AsyncIterator
from typing import Final

from plumbline.site import SiteFile
from tracking_service.api.shared import Shared
from tracking_service.api.wall import Wall
from tracking_service.broadcaster import Broadcaster, Message, Overflowed

#: A comment line so often keeps proxies and clients from giving up on a quiet stream.
HEARTBEAT_S: Final = 15.0


def snapshots(wall: Wall) -> Shared[str]:
    """Whole walls by site id, as JSON: screens that connect together share one."""

    async def make(site: str) -> str:
        return (await wall.snapshot(wall.site(site))).model_dump_json()

    return Shared(make)


async def events(shared: Shared[str], broadcaster: Broadcaster, site: SiteFile) -> AsyncIterator[str]:
    """The stream of one screen: a snapshot, then what changes; a fresh snapshot where it was too slow.

    The screen is connected before the snapshot is read, so that nothing falls between the two.
    """
    with broadcaster.connected(site.id) as client:
        yield _block(await _snapshot(shared, site))
        while True:
            try:
                message = await client.next(HEARTBEAT_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if message is None:
                return
            yield _block(await _snapshot(shared, site) if isinstance(message, Overflowed) else message)


async def _snapshot(shared: Shared[str], site: SiteFile) -> Message:
    return Message("snapshot", await shared.ask(site.id))


def _block(message: Message) -> str:
    return f"event: {message.name}\ndata: {message.data}\n\n"
