"""Write `edge_agent/gs1/identifiers.txt` from GS1's syntax dictionary in JSON.

usage: python scripts/build_gs1_identifiers.py ../shared/corpus/gs1/syntax_dictionary.json
"""

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).parents[1] / "edge_agent/gs1/identifiers.txt"
HEADER: Final = """\
# GS1 application identifiers: GS1 General Specifications, section 3; facts of the GS1 Barcode Syntax Dictionary.
# Written by scripts/build_gs1_identifiers.py; do not edit.
# identifier(s) | flags | components | rules | data title
# flags: F a separator (FNC1) must follow unless the data ends; Q may stand in the query of a Digital Link URI.
# components: type N digits, X set 82, Y set 39, Z set 64 with length (..n: up to n), linters; in brackets: optional.
# rules: req= all of these (one of the alternatives, + joins), ex= none of these, dlpkey Digital Link key [= qualifiers].
"""


def line(definition: dict[str, Any]) -> str:
    """One definition without its identifier."""
    flags = "F" * definition["fnc1"] + "Q" * definition["dl_attr"] or "-"
    return " | ".join([flags, " ".join(definition["spec"]), " ".join(definition["attrs"]) or "-", definition["title"]])


def render(dictionary: dict[str, dict[str, Any]]) -> str:
    """The table, one line for each run of identifiers that share a definition."""

    def run_of(entry: tuple[int, str]) -> tuple[int, int, str]:
        position, identifier = entry
        return int(identifier) - position, len(identifier), line(dictionary[identifier])

    rows: list[str] = []
    for (_, _, definition), run in groupby(enumerate(sorted(dictionary)), run_of):
        identifiers = [identifier for _, identifier in run]
        name = identifiers[0] if len(identifiers) == 1 else f"{identifiers[0]}-{identifiers[-1]}"
        rows.append(f"{name} | {definition}\n")
    return HEADER + "".join(rows)


def main(source: Path) -> None:
    """Write the table from the dictionary at `source`."""
    dictionary: dict[str, dict[str, Any]] = json.loads(source.read_text())
    TARGET.write_text(render(dictionary))
    print(f"{TARGET}: {len(dictionary)} identifiers")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
