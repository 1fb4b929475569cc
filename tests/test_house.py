"""The house rules that a machine can check: who may import whom, how long things may be, what is not said."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES = 400
FUNCTION_LINES = 50  # its own: without docstring and without functions inside it
UNFINISHED = ("TO" + "DO", "FIX" + "ME")  # in two pieces, so as not to find themselves

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if ".venvs" not in path.parts)


def place(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def own_lines(function: Function) -> int:
    """Lines of a function without its docstring and without the functions inside it."""
    inner, pending = 0, list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        if isinstance(node, Function):
            inner += span(node)
        else:
            pending += ast.iter_child_nodes(node)
    docstring = span(function.body[0]) if ast.get_docstring(function) is not None else 0
    return span(function) - inner - docstring


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of each thing a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def declares_connector(path: Path) -> bool:
    """Whether a module makes a `headrace.connector.Spec`."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id == "Spec" for called in calls)


def contracts() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["id"] for contract in config["tool"]["importlinter"]["contracts"]]


@pytest.mark.parametrize("contract", contracts())
def test_imports(contract: str) -> None:
    """Each contract of pyproject.toml is kept: a room imports only from the rooms below it."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    options = ["--no-logo", "--no-cache", "--contract", contract]
    result = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_sources_do_not_know_one_another() -> None:
    """What sources share stands in modules of its own: nothing in sources imports a module that declares a source."""
    folder = ROOT / "src/headrace/sources"
    declared = {f"headrace.sources.{path.stem}" for path in modules("src/headrace/sources") if declares_connector(path)}
    strangers = [
        f"{place(path, line)}: {name}"
        for path in modules("src/headrace/sources")
        for line, name in imports(path)
        if path != folder / "__init__.py" and name.rpartition(".")[0] in declared
    ]
    assert declared
    assert strangers == []


def test_rooms_where_time_and_sockets_live() -> None:
    """ruff's ban on clock, chance and sockets is lifted for the rooms that own them, and for no other in src."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lifted = config["tool"]["ruff"]["lint"]["per-file-ignores"]
    rooms = {pattern for pattern, rules in lifted.items() if pattern.startswith("src/") and "TID251" in rules}
    assert rooms == {
        "src/headrace/cli/**",
        "src/headrace/clock.py",
        "src/headrace/net/**",
        "src/headrace/sources/mysql_*.py",  # see docs/decisions/0010-mysql-tls.md
        "src/headrace/testing/**",
    }


def test_no_ban_is_waved_through() -> None:
    """Nothing in src turns the ban off for a line of its own."""
    waved = [
        place(path, number)
        for path in modules("src")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "noqa" in line and ("TID251" in line or line.rstrip().endswith("noqa"))
    ]
    assert waved == []


def test_modules_are_short() -> None:
    """No module reaches 400 lines; a longer one wants another room."""
    sizes = {path: len(path.read_text().splitlines()) for path in modules("src", "tests", "benchmarks")}
    assert [f"{place(path)}: {lines}" for path, lines in sizes.items() if lines >= MODULE_LINES] == []


def test_functions_are_short() -> None:
    """No function reaches 50 lines of its own; a migration may, it lists tables."""
    long = [
        f"{place(path, function.lineno)}: {function.name}: {own_lines(function)}"
        for path in modules("src", "tests", "benchmarks")
        for function in functions(path)
        if own_lines(function) >= FUNCTION_LINES and "migrations" not in path.parts
    ]
    assert long == []


def test_nothing_is_left_for_later() -> None:
    """No note says that something is still to be done: it is done, or it is an issue."""
    notes = [
        place(path, number)
        for path in modules("src", "tests", "benchmarks")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if any(word in line for word in UNFINISHED)
    ]
    assert notes == []


def test_every_test_states_its_rule() -> None:
    """Each test has a docstring: the rule it proves."""
    silent = [
        place(path, function.lineno)
        for path in modules("tests")
        for function in functions(path)
        if function.name.startswith("test_") and ast.get_docstring(function) is None
    ]
    assert silent == []


def test_every_ignore_says_what_it_ignores() -> None:
    """A bare `type: ignore` or `noqa` hides more than was meant."""
    bare = [
        place(path, number)
        for path in modules("src", "tests", "benchmarks")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.rstrip().endswith(("# type: " + "ignore", "# no" + "qa"))
    ]
    assert bare == []


def test_locks_are_complete() -> None:
    """Each direct dependency is pinned by hash in each lock that needs it, and no lock names an index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = project["project"]["dependencies"]
    demo = [*runtime, *project["project"]["optional-dependencies"]["demo"], *project["dependency-groups"]["build"]]
    wanted = {"runtime": runtime, "demo": demo, "dev": [*demo, *project["dependency-groups"]["dev"]]}
    for name, requirements in wanted.items():
        lock = (ROOT / "requirements" / f"{name}.txt").read_text()
        pins = {line.split("==")[0] for line in lock.splitlines() if "==" in line}
        missing = {requirement_name(requirement) for requirement in requirements} - pins
        assert not missing, f"requirements/{name}.txt lacks {sorted(missing)}: make lock"
        assert "://" not in lock


def requirement_name(requirement: str) -> str:
    """``psycopg[binary]>=3.3`` → ``psycopg``, spelled as in a lock."""
    name = requirement
    for mark in "[<>=!~; ":
        name = name.split(mark)[0]
    return name.lower().replace("_", "-")
