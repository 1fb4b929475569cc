"""The files in deploy/: what they start exists, and is said as the program takes it. No container is built here."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from headrace.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def parsed(arguments: list[str]) -> dict[str, Any]:
    """The options of a command, as click takes them; fails for what it does not."""
    command = cli.commands[arguments[0]]
    return command.make_context(arguments[0], arguments[1:], parent=click.Context(cli, obj=Path())).params


def test_dockerfile() -> None:
    """The image copies files that are there, runs as a user without rights, and its command is one of ours."""
    text = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    assert (ROOT / re.findall(r"-r (\S+)", text)[0]).is_file()
    assert text.index("USER headrace") < text.index("ENTRYPOINT")
    (command,) = re.findall(r"^CMD (\[.+\])$", text, re.MULTILINE)
    options = parsed(json.loads(command))
    assert (options["listen"], options["behind_proxy"]) == ("0.0.0.0:8080", True)


def test_compose() -> None:
    """The compose file is YAML of the right shape: the service waits for its database, sees a read-only root, and has
    its key from a file that is mentioned among the secrets."""
    said = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    service = said["services"]["headrace"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert service["read_only"] is True
    assert set(service["depends_on"]) <= set(said["services"])
    assert set(service["secrets"]) <= set(said["secrets"])
    assert service["environment"]["HEADRACE_KEY_FILE"] == f"/run/secrets/{service['secrets'][0]}"
    named = [volume.split(":")[0] for each in said["services"].values() for volume in each["volumes"]]
    assert {name for name in named if not name.startswith(".")} == set(said["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "a proxy does TLS"


def test_unit() -> None:
    """systemd takes the unit; its command is one of ours, and SIGHUP reloads."""
    text = (DEPLOY / "headrace.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    parsed(shlex.split(command)[1:])
    assert "ExecReload=/bin/kill -HUP $MAINPID" in text


def test_unit_is_verified_by_systemd(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing in the unit, once its program is where it says."""
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd is not on this machine")
    unit = tmp_path / "headrace.service"
    unit.write_text((DEPLOY / "headrace.service").read_text().replace("/opt/headrace/bin/headrace", "/bin/true"))
    done = subprocess.run([verify, "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
