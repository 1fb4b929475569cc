"""The stable codes: those that the source text can raise, and those that the reference lists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.docs.markdown import REFERENCE, ROOT

# Callable → where its argument that is a code can stand; `code=` counts everywhere.
_POSITIONS = {
    "Failure": (0,), "Problem": (0,), "_missing": (0,), "_error": (0,), "_defect": (1,), "_answer": (1,),
    "refusal": (1,), "found": (2,), "wrong": (2,), "add": (3,), "warn": (3,), "Finding": (5,),
    "Wrong": (0, 1),  # there are two: of a request that was received, and of a setting
}  # fmt: skip
# Codes made of variable parts, and what they can become where that is a closed list.
_CLOSED = {
    "bad_*": {"bad_json", "bad_number"},
    "unknown_*": {"unknown_source", "unknown_destination"},
    "*_too_large": {"batch_too_large", "call_too_large"},
}
_CODE = re.compile(r"(?:\*_)?[a-z][a-z0-9_]*(?:[:_]?\*)?")


def raised() -> set[str]:
    """Every code in src; a part that is filled in is ``*``."""
    found: set[str] = set()
    for path in (ROOT / "src" / "headrace").rglob("*.py"):
        if "testing" not in path.parts:
            module = ast.parse(path.read_text("utf-8"))
            named = {
                name.id: value
                for statement in module.body
                if isinstance(statement, ast.Assign) and isinstance(value := statement.value, ast.Constant)
                for name in statement.targets
                if isinstance(name, ast.Name)
            }
            for node in ast.walk(module):
                values = (named.get(v.id, v) if isinstance(v, ast.Name) else v for v in _values(node))
                found.update(code for value in values if (code := _pattern(value)))
    return {one for code in found for one in _CLOSED.get(code, {code})}


def documented() -> list[str]:
    """Every code that opens a row of a table in error-codes.md; ``<…>`` is ``*``."""
    page = (REFERENCE / "error-codes.md").read_text("utf-8")
    return [re.sub("<.*?>", "*", code) for code in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)]


def _values(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Call():
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield from (node.args[at] for at in _POSITIONS.get(name, ()) if len(node.args) > at)
        case ast.Assign(targets=[ast.Name("code" | "CODE")]):  # of an error's class, or of a module's one error
            yield node.value
        case ast.Assign(targets=[ast.Tuple(elts=[*names])], value=ast.Tuple(elts=[*values])):  # status, code = 401, "…"
            yield from (v for n, v in zip(names, values, strict=False) if isinstance(n, ast.Name) and n.id == "code")
        case ast.Dict():
            yield from (v for k, v in zip(node.keys, node.values, strict=True) if _is_text(k, "code"))
        case ast.Assign(targets=[ast.Name("_HTTP")], value=ast.Dict(values=pairs)):  # status: code, sentence
            yield from (pair.elts[0] for pair in pairs if isinstance(pair, ast.Tuple))
        case ast.Tuple(elts=[_, ast.Constant() as code, ast.Constant(str(sentence))]) if sentence.endswith((".", ";")):
            yield code  # a table of causes: pattern or verdict, code, sentence
        case ast.arguments():
            named = [*node.posonlyargs, *node.args][-len(node.defaults) or None :]
            yield from (d for a, d in zip(named, node.defaults, strict=False) if a.arg == "code")
            yield from (d for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d and a.arg == "code")


def _is_text(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _pattern(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        text = node.value if isinstance(node.value, str) else ""
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    else:
        text = ""
    # `_update` is the one field that the code itself names.
    text = re.sub(r"^bad_type:\w+$", "bad_type:*", text)
    return text if _CODE.fullmatch(text) else None
