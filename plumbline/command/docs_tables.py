"""Tables for the generated pages: the fields of a struct with type, default and meaning."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from typing import Any, Final, get_args

import msgspec
from msgspec import NODEFAULT, Struct

#: Whose docstrings are ours to print.
_OWN: Final = ("plumbline.", "edge_agent.")


def settings_tables(struct: type[Struct], heading: str = "###") -> str:
    """The keys of a configuration table with their defaults, and after it those of the tables within."""
    parts = [_settings_table(struct)]
    for inner in dict.fromkeys(_within(struct)):
        parts += [f"{heading} `{inner.__name__}`\n", inspect.cleandoc(inner.__doc__ or "") + "\n", _settings_table(inner)]
    return "\n".join(parts)


def _settings_table(struct: type[Struct]) -> str:
    meanings = _attribute_docs(struct)
    schemas = msgspec.json.schema_components([struct])[1][struct.__name__].get("properties", {})
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        schema = schemas[field.encode_name]
        meaning = " ".join(filter(None, [meanings.get(field.name, ""), _bounds(schema), _note(schema)]))
        rows.append(f"| `{field.encode_name}` | {_type(schema)} | {_default(field)} | {meaning} |")
    return "\n".join(rows) + "\n"


def _within(struct: type[Struct]) -> Iterator[type[Struct]]:
    for field in msgspec.structs.fields(struct):
        for inner in _structs(field.type):
            yield inner
            yield from _within(inner)


def _structs(kind: object) -> Iterator[type[Struct]]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
    for argument in get_args(kind):
        yield from _structs(argument)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "**must be given**"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    if value is None or value in ((), {}) or isinstance(value, Struct):
        return ""
    return f"`{json.dumps(msgspec.to_builtins(value), ensure_ascii=False)}`".replace("|", "\\|")


def _bounds(schema: dict[str, Any]) -> str:
    """What a number must keep to."""
    for kind in schema.get("anyOf", [schema]):
        low, above = kind.get("minimum"), kind.get("exclusiveMinimum")
        high = kind.get("maximum", kind.get("exclusiveMaximum"))
        least = f"at least {low:g}" if low is not None else f"more than {above:g}" if above is not None else ""
        most = f"at most {high:g}" if high is not None else ""
        if least or most:
            return f"({', '.join(filter(None, [least, most]))})"
    return ""


def fields_table(struct: type[Struct], without: frozenset[str] | set[str] = frozenset()) -> str:
    """The fields of a message with type and meaning."""
    meanings = _attribute_docs(struct)
    schemas = msgspec.json.schema_components([struct])[1][struct.__name__]["properties"]
    rows = ["| field | type | required | meaning |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        if field.name in without:
            continue
        schema = schemas[field.encode_name]
        meaning = " ".join(filter(None, [meanings.get(field.name, ""), _note(schema)]))
        rows.append(f"| `{field.encode_name}` | {_type(schema)} | {'yes' if field.required else ''} | {meaning} |")
    return "\n".join(rows) + "\n"


def _attribute_docs(struct: type[Struct]) -> dict[str, str]:
    """The string under each annotated attribute, own and inherited: Python keeps none of them at run time."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if not base.__module__.startswith(_OWN):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(tree, ast.ClassDef)
        for attribute, text in zip(tree.body, tree.body[1:], strict=False):
            match attribute, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = " ".join(words.split())
                case _:
                    pass
    return found


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " \\| ".join(_type(kind) for kind in schema["anyOf"] if kind != {"type": "null"})
    if isinstance(schema.get("items"), dict):
        return f"array of {_type(schema['items'])}"
    return "base64" if schema.get("contentEncoding") == "base64" else str(schema.get("type", "any"))


def _note(schema: dict[str, Any]) -> str:
    kinds = schema.get("anyOf", [schema])
    return " ".join(str(kind["description"]) for kind in kinds if "description" in kind and "$ref" not in kind)
