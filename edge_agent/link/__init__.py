r"""The ways to a device that sends a stream of bytes: a serial port, or a TCP server.

    async with link.opened() as line:
        await line.write(b"SI\r\n")
        chunk = await line.read()        # b"": the line was quiet for `quiet_s`

A link opens nothing until `opened()`; it may be opened again after it failed, which is how a device that was unplugged
comes back: the supervisor runs the reader again. Whatever goes wrong is a `ReaderError` that says what to check.
`declared` makes links from what a site engineer wrote.
"""

from edge_agent.link.declared import host_and_port, link_of, profile_of, serial_line
from edge_agent.link.line import Line, Link
from edge_agent.link.listening import Listening
from edge_agent.link.serial_port import SerialLink
from edge_agent.link.silence import Silence
from edge_agent.link.tcp import TcpLink

__all__ = [
    "Line",
    "Link",
    "Listening",
    "SerialLink",
    "Silence",
    "TcpLink",
    "host_and_port",
    "link_of",
    "profile_of",
    "serial_line",
]
