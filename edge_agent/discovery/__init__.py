"""What is connected to this gateway, and how it would be configured: ports, scanners that type, cameras, gpsd, brokers, Modbus.

Each module here looks in one place and gives what it has seen; nothing is written to a device, except that `modbus` asks
for a register where it was told to. `proposal` turns what was seen into the tables of a configuration.
"""

from edge_agent.discovery.look import Places, look_around
from edge_agent.discovery.seen import Seen, Sureness

__all__ = ["Places", "Seen", "Sureness", "look_around"]
