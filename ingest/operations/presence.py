"""Births, wills and goodbyes: who is online, kept in the `gateway` table."""

from typing import Final

from ingest.operations import gateways
from ingest.receiving.retained import Word
from plumbline import codec, topics

PRESENCE: Final = Word("presence", topics.all_presence(), codec.decode_presence, gateways.say_presence)
