"""`plumbline gs1`: element strings, bracketed text, Digital Link URIs and plain GTINs, read, checked and repaired."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal

import typer

from edge_agent.expected import Expected
from plumbline.command.gs1_answer import Answer, Question, ask
from plumbline.errors import PlumblineError, SettingsError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

#: A longer line is refused, not kept: no symbol holds as much.
_LONGEST_LINE: Final = 1 << 16


@app.command()
def gs1(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]…", help="What a scanner read, or a person typed.")
    ] = None,
    from_stdin: Annotated[
        bool,
        typer.Option(
            "--stdin", help='One case a line, one answer a line. A line that is a JSON string ("…") stands for its text.'
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a case.")] = False,
    fnc1: Annotated[
        str, typer.Option(help="Character that stands for FNC1 where it begins the text; GS always does. Empty: none.")
    ] = "^",
    separators: Annotated[
        Literal["auto", "kept", "lost", "unknown"],
        typer.Option(
            help="What the scanner does with the separators (FNC1) between values. auto: 'kept' for text that begins with "
            "an identifier or FNC1, with what it may say otherwise; 'unknown' for any other."
        ),
    ] = "auto",
    expected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What the site expects; it chooses between readings of ambiguous text.")
    ] = None,
    requisites: Annotated[
        bool, typer.Option("--requisites", help="Demand the AIs that others require, as for a label that is being designed.")
    ] = False,
    permit_unknown_ais: Annotated[
        bool, typer.Option("--permit-unknown-ais", help="Accept AIs that do not exist in brackets and Digital Links.")
    ] = False,
    permit_zero_suppressed_gtin: Annotated[
        bool, typer.Option("--permit-zero-suppressed-gtin", help="Accept GTIN-8, -12 and -13 in Digital Links.")
    ] = False,
) -> None:
    """Read GS1 data: which application identifiers (AIs) with which values, or why not.

    `]C1…` begins with a symbology identifier, `^…` or GS with FNC1, `(01)…` is bracketed text, `https://…` a Digital
    Link; digits alone are a GTIN, anything else is element strings. Text whose separators are lost or replaced is repaired
    where one reading alone breaks no rule, else its candidates are shown. Exit code 1: a TEXT was refused or is ambiguous.
    """
    if len(fnc1) > 1:
        raise PlumblineError(f"--fnc1: must be one character, found '{fnc1}'; for example --fnc1 '^'")
    if bool(texts) == from_stdin:
        raise PlumblineError("gs1: give either a TEXT or --stdin")
    expectation = None if expected is None else Expected(expected)
    if expectation is not None and expectation.fault is not None:
        raise SettingsError(f"--expected: {expectation.fault}")
    question = Question(
        fnc1=fnc1,
        separators=separators,
        expected=expectation,
        requisites=requisites,
        permit_unknown_ais=permit_unknown_ais,
        permit_zero_suppressed_gtin=permit_zero_suppressed_gtin,
    )
    refused = False
    for text in _lines(sys.stdin.buffer) if from_stdin else texts or []:
        answer = ask(text, question)
        refused = refused or answer.elements is None
        print(_json(answer) if as_json else answer.shown(), flush=True)
    if refused and not from_stdin:
        raise typer.Exit(1)


def _json(answer: Answer) -> str:
    return json.dumps(
        {
            "input": answer.text,
            "ok": answer.elements is not None,
            "ais": answer.elements,
            "error": answer.error,
            "repaired": answer.repaired is not None,
            "candidates": [{"ais": each.elements, "reason": each.reason} for each in answer.candidates] or None,
        }
    )


def _lines(file: BinaryIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            # One line is one case, however long: the rest belongs to it, and the parser refuses what is kept.
            while (rest := file.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
        yield _case(line.rstrip(b"\r\n"))


def _case(line: bytes) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text
