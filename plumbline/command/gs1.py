"""`plumbline gs1`: element strings, bracketed text, Digital Link URIs and plain GTINs, read and checked."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Final

import typer

from edge_agent.gs1 import ElementStrings, Gs1Error, identifiers, parse
from plumbline.errors import PlumblineError

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
    Link; digits alone are a GTIN, anything else is element strings. Exit code 1: a TEXT was refused.
    """
    if len(fnc1) > 1:
        raise PlumblineError(f"--fnc1: must be one character, found '{fnc1}'; for example --fnc1 '^'")
    if bool(texts) == from_stdin:
        raise PlumblineError("gs1: give either a TEXT or --stdin")
    refused = False
    for text in _lines(sys.stdin.buffer) if from_stdin else texts or []:
        try:
            read = parse(
                text,
                fnc1=fnc1,
                requisites=requisites,
                permit_unknown_ais=permit_unknown_ais,
                permit_zero_suppressed_gtin=permit_zero_suppressed_gtin,
            )
        except Gs1Error as error:
            refused = True
            print(_json(text, None, str(error)) if as_json else f"{_shown(text)}\n  refused: {_shown(str(error))}", flush=True)
        else:
            print(_json(text, read, None) if as_json else _table(text, read), flush=True)
    if refused and not from_stdin:
        raise typer.Exit(1)


def _json(text: str, read: ElementStrings | None, error: str | None) -> str:
    answer: dict[str, Any] = {
        "input": text,
        "ok": read is not None,
        "ais": None if read is None else read.elements,
        "error": error,
    }
    return json.dumps(answer)


def _table(text: str, read: ElementStrings) -> str:
    lines = [_shown(text)]
    titles = identifiers()
    for ai, value in read.elements:
        title = titles[ai].title if ai in titles else ""
        lines.append(f"  ({ai}){' ' * (6 - len(ai))}{value:32}{title}".rstrip())
    if read.plain_gtin is not None:
        lines.append(f"  GTIN    {read.plain_gtin}")
    elif not read.elements:
        lines.append("  no GS1 data")
    return "\n".join(lines)


def _shown(text: str) -> str:
    """Text for a terminal: GS by its name, what cannot be printed as an escape."""
    return "".join(each if each.isprintable() else "<GS>" if each == "\x1d" else ascii(each)[1:-1] for each in text)


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
