"""Every word for which something is set aside is explained, and no other."""

import ast
from pathlib import Path

import pytest

import ingest
import plumbline
from ingest.clocks.corrections import REASONS as TIMES
from ingest.deadletters import REASONS, meaning_of, remedy_of

ROOTS = [Path(package.__file__).parent for package in (ingest, plumbline)]
#: What raises `CodecError` for a gateway's own messages only, or words of another kind.
MODULES = [
    path
    for root in ROOTS
    for path in sorted(root.rglob("*.py"))
    if not {"dialects", "migrations", "command", "demo", "bench"} & set(path.parts)
]


def words_of(tree: ast.AST) -> set[str]:
    """The words in `Letter(topic, WORD, …)`, `CodecError(WORD, …)` and `return WORD, "detail"`."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Letter"), args=[_, ast.Constant(value=str(word)), *_]):
                found.add(word)
            case ast.Call(func=ast.Name(id="CodecError"), args=[ast.Constant(value=str(word)), *_]):
                found.add(word)
            case ast.Return(
                value=ast.Tuple(elts=[ast.Constant(value=str(word)), ast.JoinedStr() | ast.Constant() | ast.Call()])
            ):
                found.add(word)
            case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=[ast.Constant(value=str(word)), ast.JoinedStr(), *_])):
                found.add(word)
            case _:
                pass
    return {word for word in found if word.isidentifier() and word.islower()}


def test_every_reason_in_the_code_is_explained_with_its_remedy():
    used = {word: path for path in MODULES for word in words_of(ast.parse(path.read_text(encoding="utf-8")))}
    assert {"unknown_site", "invalid", "misplaced", "point_refused"} <= used.keys()
    assert {word: str(path) for word, path in used.items() if word not in REASONS} == {}
    assert set(TIMES) <= REASONS.keys()


def test_every_explained_reason_is_used_somewhere():
    text = "".join(path.read_text(encoding="utf-8") for path in MODULES if path.name != "reasons.py")
    assert [word for word in REASONS if f'"{word}"' not in text] == []


@pytest.mark.parametrize("word", [*REASONS, "of_tomorrow"])
def test_each_says_what_it_means_and_what_to_do(word):
    assert meaning_of(word)
    assert remedy_of(word)
    assert "|" not in meaning_of(word) + remedy_of(word)
