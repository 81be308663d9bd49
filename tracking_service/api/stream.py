"""The wall's live stream (server-sent events, HTML standard, section 9.2)."""

from collections.abc import AsyncIterator
from typing import Final

from plumbline.site import SiteFile
from tracking_service.api.wall import Wall
from tracking_service.broadcaster import Broadcaster, Message, Overflowed

#: A comment line so often keeps proxies and clients from giving up on a quiet stream.
HEARTBEAT_S: Final = 15.0


async def events(wall: Wall, broadcaster: Broadcaster, site: SiteFile) -> AsyncIterator[str]:
    """The stream of one screen: a snapshot, then what changes; a fresh snapshot where it was too slow.

    The screen is connected before the snapshot is read, so that nothing falls between the two.
    """
    with broadcaster.connected(site.id) as client:
        yield _block(await _snapshot(wall, site))
        while True:
            try:
                message = await client.next(HEARTBEAT_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if message is None:
                return
            yield _block(await _snapshot(wall, site) if isinstance(message, Overflowed) else message)


async def _snapshot(wall: Wall, site: SiteFile) -> Message:
    return Message("snapshot", (await wall.snapshot(site)).model_dump_json())


def _block(message: Message) -> str:
    return f"event: {message.name}\ndata: {message.data}\n\n"
