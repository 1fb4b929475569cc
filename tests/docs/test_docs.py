"""The documentation says what the program does: each statement that can be checked is checked here."""

from __future__ import annotations

import json
import pkgutil
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from headrace.api.main import described
from headrace.app import specs
from headrace.cli.main import cli
from headrace.config import LIMIT_FIELDS, OPTION_FIELDS, SYNC_FIELDS, load
from tests.docs import codes
from tests.docs.markdown import REFERENCE, ROOT, Page, pages

PAGES = pages()
SECTIONS = {"sources", "destinations", "syncs"}
README = Page(ROOT / "README.md")
CHANGELOG = Page(ROOT / "CHANGELOG.md")

of_every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def commands(group: click.Group = cli) -> Iterator[tuple[str, click.Command]]:
    """Every command by its words."""
    for name, command in group.commands.items():
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in commands(command))


def understood(words: list[str]) -> None:
    """Parse a command line as `headrace` would, and do nothing. Raises `click.UsageError`."""
    command: click.Command = cli
    context = cli.make_context("headrace", list(words), resilient_parsing=False)
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]  # where click keeps a group's command
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


def filled_in(text: str) -> dict[str, str]:
    """An environment that has every variable of a configuration."""
    names = re.findall(r"\$\{(\w+)", text)
    return {name: "https://example.com/v1" if name.endswith("URL") else "7" for name in names}


def test_generated_blocks_are_fresh() -> None:
    """`make docs` would change nothing: tables of fields, commands and examples are those of the code."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "docs", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@of_every_page
def test_command_lines_are_understood(page: Page) -> None:
    """Each `headrace …` line in a block of code has a command, options and arguments that exist."""
    for line in page.commands():
        words = shlex.split(re.split(r"\s(?:[|>&;]|2>)", f"{line} ")[0], comments=True)
        try:
            understood(words)
        except click.exceptions.Exit:
            pass  # --help, --version
        except click.UsageError as error:
            pytest.fail(f"{page.name}: headrace {line}: {error.format_message()}")


@of_every_page
def test_commands_in_sentences_exist(page: Page) -> None:
    """Each `headrace …` in a sentence names a command, and only options that this command has."""
    known = dict(commands())
    for span in page.spans():
        if not (found := re.match(r"headrace ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?(?![a-z-])", span)):
            continue
        assert found[1] in known, f"{page.name}: `{span}`"
        command, inner = known[found[1]], found[2]
        if isinstance(command, click.Group) and inner:
            assert inner in command.commands, f"{page.name}: `{span}`"
            command = command.commands[inner]
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", span):
            assert option in options | {"--help"}, f"{page.name}: `{span}`"


@of_every_page
def test_configurations_load(page: Page, tmp_path: Path) -> None:
    """Each YAML block that is a whole project, or connections alone, is one that Headrace takes."""
    for number, text in enumerate(page.blocks("yaml", "yml")):
        document = yaml.safe_load(text)
        keys = set(document) if isinstance(document, dict) else set()
        if not keys & SECTIONS or ("syncs" in keys and keys < SECTIONS):
            continue
        base = tmp_path / str(number)
        base.mkdir()
        (base / "headrace.yaml").write_text(text, "utf-8")
        for sync in (document.get("syncs") or {}).values():
            if file := sync.get("query_file"):
                (base / file).parent.mkdir(parents=True, exist_ok=True)
                (base / file).write_text("SELECT 1", "utf-8")
        load(base, filled_in(text), specs())


@of_every_page
def test_names_of_the_code_resolve(page: Page) -> None:
    """Each dotted name `headrace.x.y` in backticks can be imported."""
    for span in page.spans():
        if re.fullmatch(r"headrace(\.\w+)+", span) and not span.endswith((".yaml", ".yml")):
            try:
                pkgutil.resolve_name(span)
            except (ImportError, AttributeError) as error:
                pytest.fail(f"{page.name}: `{span}`: {error}")


@of_every_page
def test_links_lead_somewhere(page: Page) -> None:
    """Each relative link names a file that is there, and a heading that it has."""
    for link in page.links():
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in Page(target).anchors(), f"{page.name}: {link}"


def test_every_code_is_explained() -> None:
    """Each code that the program can raise stands in error-codes.md."""
    assert codes.raised() - set(codes.documented()) == set()


def test_every_explained_code_exists() -> None:
    """error-codes.md lists no code that nothing raises, and none twice."""
    assert set(codes.documented()) - codes.raised() == set()
    assert [code for code, count in Counter(codes.documented()).items() if count > 1] == []


def test_codes_are_found_in_the_source() -> None:
    """The search itself sees every way in which a code is written: a test that sees nothing proves nothing."""
    ways = {
        "query_empty": "a keyword",
        "missing_event": "an argument",
        "unknown_key": "a finding",
        "fenced": "a class",
        "destination_check": "a dictionary",
        "no_answer": "a table of sentences",
        "workspace_locked": "a table of verdicts",
        "http_*": "a filled-in text",
        "query": "a default",
        "bad_credentials": "beside a status",
        "method_not_allowed": "by its status",
        "missing_write_key": "a variable",
        "empty_batch": "a refusal",
        "missing_type": "a wrong call",
        "egress_refused": "a constant",
    }
    assert ways.keys() <= codes.raised()


@pytest.mark.parametrize(("role", "kind"), list(specs()))
def test_every_connector_has_its_page(role: str, kind: str) -> None:
    """The page names each field, gives an example, and a source's page a query with its variable."""
    page = Page(REFERENCE / "connectors" / f"{role}-{kind}.md")
    missing = [field.name for field in specs()[role, kind].fields if f"`{field.name}`" not in page.text]
    assert missing == []
    (example,) = page.blocks("yaml")
    assert [one["type"] for one in yaml.safe_load(example)[f"{role}s"].values()] == [kind]
    if role == "source" and not specs()[role, kind].receives:
        assert "{{last_sync_time}}" in page.blocks("sql")[0]


def test_every_page_of_a_connector_has_its_connector() -> None:
    """No page describes a connector that is not there."""
    named = {path.stem for path in (REFERENCE / "connectors").glob("*.md")}
    assert named == {f"{role}-{kind}" for role, kind in specs()}


def test_every_key_of_a_sync_is_described() -> None:
    """configuration.md names each key of a sync, each option and each limit; limits.md each limit."""
    configuration, limits = (Page(REFERENCE / name).text for name in ("configuration.md", "limits.md"))
    names = {field.name for field in (*SYNC_FIELDS, *OPTION_FIELDS, *LIMIT_FIELDS)}
    assert {name for name in names if f"| `{name}` |" not in configuration} == set()
    assert {field.name for field in LIMIT_FIELDS if f"| `{field.name}` |" not in limits} == set()


def test_limits_have_their_values() -> None:
    """The defaults in limits.md are those of the code."""
    page = Page(REFERENCE / "limits.md").text
    for field in LIMIT_FIELDS:
        assert f"| `{field.name}` | {field.default:,}" in page


def test_every_room_is_in_the_plan() -> None:
    """architecture.md names each folder of the package."""
    page = Page(ROOT / "docs" / "explanation" / "architecture.md").text
    rooms = {path.parent.name for path in (ROOT / "src" / "headrace").glob("*/__init__.py")}
    assert {room for room in rooms if f"{room}/" not in page} == set()


def test_every_command_and_option_is_described() -> None:
    """command-line.md has a section per command, with each of its options."""
    page = Page(REFERENCE / "command-line.md").text
    for name, command in commands():
        section = re.search(rf"^## headrace {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section is not None, name
        options = [
            option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts
        ]
        assert [option for option in options if option not in section[1]] == [], name


def test_every_operation_of_the_api_is_listed() -> None:
    """api.md names each operation with the right that it needs, and describes each of those rights."""
    page = Page(REFERENCE / "api.md").text
    listed = dict(re.findall(r"^\| `([A-Z]+ /api/v1/[^`]+)` \| .+ \| ([a-z ]+) \|$", page, re.MULTILINE))
    said = {
        f"{method.upper()} {path}": operation.get("x-needs", "nobody")
        for path, operations in described()["paths"].items()
        for method, operation in operations.items()
    }
    assert listed == said
    assert {need for need in said.values() if f"| `{need}` |" not in page} == {"nobody", "signed in"}


def test_each_promise_names_its_test() -> None:
    """Each promise of the README names test files, and they are there."""
    section = re.search(r"^## The promise\n(.*?)(?=^## )", README.text, re.MULTILINE | re.DOTALL)
    assert section is not None
    promises = re.split(r"^\d\. ", section[1], flags=re.MULTILINE)[1:]
    assert len(promises) == 7
    for promise in promises:
        named = re.findall(r"\((tests/[\w/]+\.py)\)", promise)
        assert named, promise
        assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_changelog_names_each_command() -> None:
    """While nothing is released, the list of commands in the changelog is all of them."""
    (listed,) = re.findall(r"^- \*\*Commands:\*\* ([^;]+);", CHANGELOG.text, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", listed)) == set(cli.commands)


def test_the_sdks_are_those_that_are_tested() -> None:
    """The README names each SDK with the version that the tests install."""
    pinned = dict(re.findall(r'"([a-z-]+)==([\d.]+)"', (ROOT / "pyproject.toml").read_text("utf-8")))
    python = ("customerio-cdp-analytics", "segment-analytics-python", "rudder-sdk-python")
    node = json.loads((ROOT / "tests" / "ingest" / "node" / "package.json").read_text("utf-8"))["dependencies"]
    for name, version in [(name, pinned[name]) for name in python] + [*node.items()]:
        assert f"`{name}` {version}" in README.text, name


def test_the_changelog_has_what_is_not_released() -> None:
    """The changelog has a section Unreleased, and something stands in it."""
    section = re.search(r"^## \[?Unreleased\]?\n(.*?)(?=^## |\Z)", CHANGELOG.text, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert re.search(r"^- \S", section[1], re.MULTILINE)
