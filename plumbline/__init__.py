"""The shared vocabulary of Plumbline: what an event is, how it travels, and how its parts are named.

Every service speaks this vocabulary and none imports another; `plumbline.command` alone wires them together.
Importing any module of this package opens nothing.
"""

__version__ = "0.1.0"
