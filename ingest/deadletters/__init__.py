"""Dead letters: what ingest could not take, kept with its reason and its bytes, to be looked at, mended and replayed.

`keep` writes them in the transaction that settles their numbers; `Retention` bounds them by size. `overview`, `listing` and
`show` look at them. `request_replay` asks the running service to take some once more (`ingest.deadletters.replay` does it), `correct` puts
a mended payload beside the one that came, `drop` removes some for good. `REASONS` says what each reason means and what to do.
"""

from ingest.deadletters.choice import Choice
from ingest.deadletters.keeping import keep
from ingest.deadletters.reasons import REASONS, Reason, meaning_of, remedy_of
from ingest.deadletters.retention import LIMIT_BYTES, Retention
from ingest.deadletters.views import Pile, count, listing, overview, show
from ingest.deadletters.wishes import Progress, asked, correct, drop, progress, request_replay

__all__ = [
    "LIMIT_BYTES",
    "REASONS",
    "Choice",
    "Pile",
    "Progress",
    "Reason",
    "Retention",
    "asked",
    "correct",
    "count",
    "drop",
    "keep",
    "listing",
    "meaning_of",
    "overview",
    "progress",
    "remedy_of",
    "request_replay",
    "show",
]
