"""GS1 data: element strings, bracketed text, Digital Link URIs and plain GTINs, read and checked.

    text ── parse ───────► ElementStrings          as it stands (or Gs1Error, with the reason)
    text ── repair ──────► Repaired | Ambiguous    where a scanner may have lost the separators
    scan ── read_scan ───► ScanContent             what a reader of codes puts into its event

The rules are those of the GS1 General Specifications and GS1's syntax dictionary; the table of the 541 application
identifiers is `identifiers.txt`, code lists are `codes.txt`.
"""

from edge_agent.gs1.digits import check_digit, check_pair, normalise_gtin
from edge_agent.gs1.error import Gs1Error
from edge_agent.gs1.expectation import Expectation
from edge_agent.gs1.parse import ElementStrings, is_proven, parse
from edge_agent.gs1.repair import Ambiguous, Candidate, Repaired, repair
from edge_agent.gs1.scan import ScanContent, Separators, read_scan
from edge_agent.gs1.table import Identifier, identifiers

__all__ = [
    "Ambiguous",
    "Candidate",
    "ElementStrings",
    "Expectation",
    "Gs1Error",
    "Identifier",
    "Repaired",
    "ScanContent",
    "Separators",
    "check_digit",
    "check_pair",
    "identifiers",
    "is_proven",
    "normalise_gtin",
    "parse",
    "read_scan",
    "repair",
]
