"""The commands `headrace user …`, `headrace token …`, `headrace write-key …` and `headrace audit …`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headrace.cli.command import as_json, run_async
from headrace.people import Action, Role

_ROLES = click.Choice([role.value for role in Role])
_ACTIONS = click.Choice([action.value for action in Action])


@click.group()
def user() -> None:
    """People who may sign in to the service, and their roles.

    These commands work on the store itself, whether the service runs or not; what they change is in the audit log.
    """


@user.command("add")
@click.argument("email")
@click.option("--name", help="How people call them.  [default: the address]")
@click.option("--role", type=_ROLES, default=Role.VIEWER.value, show_default=True)
@click.option("--preview", is_flag=True, help="Let them look at rows of data.")
@as_json
@click.pass_obj
def add_user(project: Path, email: str, name: str | None, role: str, preview: bool, json_output: bool) -> None:
    """Invite somebody: prints a link with which they set their password, once, within a week."""
    from headrace.cli.people import add_user

    sys.exit(run_async(add_user(project, email, name or email, Role(role), preview, json_output)))


@user.command("list")
@as_json
@click.pass_obj
def list_users(project: Path, json_output: bool) -> None:
    """Everybody, with their roles."""
    from headrace.cli.people import list_users

    sys.exit(run_async(list_users(project, json_output)))


@user.command("role")
@click.argument("email")
@click.argument("role", type=_ROLES, required=False)
@click.option("--preview/--no-preview", default=None, help="Whether they may look at rows of data.")
@click.pass_obj
def set_role(project: Path, email: str, role: str | None, preview: bool | None) -> None:
    """Change somebody's role, or their right to look at rows of data."""
    from headrace.cli.people import edit_user
    from headrace.people import UserEdit

    if role is None and preview is None:
        raise click.UsageError("Name a role, or give --preview or --no-preview.")
    run_async(edit_user(project, email, UserEdit(role=Role(role) if role else None, preview=preview)))


@user.command("disable")
@click.argument("email")
@click.pass_obj
def disable_user(project: Path, email: str) -> None:
    """Sign somebody out at once, with their tokens, and let them in no more."""
    from headrace.cli.people import edit_user
    from headrace.people import UserEdit

    run_async(edit_user(project, email, UserEdit(disabled=True)))


@user.command("enable")
@click.argument("email")
@click.pass_obj
def enable_user(project: Path, email: str) -> None:
    """Let a disabled person in again."""
    from headrace.cli.people import edit_user
    from headrace.people import UserEdit

    run_async(edit_user(project, email, UserEdit(disabled=False)))


@user.command("delete")
@click.argument("email")
@click.pass_obj
def delete_user(project: Path, email: str) -> None:
    """Delete somebody, with their sessions and tokens."""
    from headrace.cli.people import delete_user

    run_async(delete_user(project, email))


@user.command("password")
@click.argument("email")
@click.pass_obj
def set_password(project: Path, email: str) -> None:
    """Set somebody's password: typed in without an echo, or sent to standard input. All their sessions end."""
    from headrace.cli.people import set_password

    run_async(set_password(project, email))


@click.group()
def token() -> None:
    """API tokens, with which programs ask the service."""


@token.command("new")
@click.argument("email")
@click.argument("name")
@click.option("--role", type=_ROLES, help="At most that of the person.  [default: that of the person]")
@click.option("--preview", is_flag=True, help="Let it look at rows of data.")
@click.option("--scope", "scopes", type=_ACTIONS, multiple=True, help="Allow only this; may be given several times.")
@click.option("--days", type=click.IntRange(0, 3650), default=90, show_default=True, help="Until it expires; 0: never.")
@as_json
@click.pass_obj
def new_token(
    project: Path,
    email: str,
    name: str,
    role: str | None,
    preview: bool,
    scopes: tuple[str, ...],
    days: int,
    json_output: bool,
) -> None:
    """Make a token called NAME for the person EMAIL, and print it: this once."""
    from headrace.cli.people import TokenAsked, create_token

    asked = TokenAsked(name, Role(role) if role else None, preview, frozenset(map(Action, scopes)), days or None)
    sys.exit(run_async(create_token(project, email, asked, json_output)))


@token.command("list")
@as_json
@click.pass_obj
def list_tokens(project: Path, json_output: bool) -> None:
    """All tokens; their texts are not kept."""
    from headrace.cli.people import list_tokens

    sys.exit(run_async(list_tokens(project, json_output)))


@token.command("delete")
@click.argument("token_id", metavar="TOKEN")
@click.pass_obj
def delete_token(project: Path, token_id: str) -> None:
    """Delete a token by its beginning, hdr_ and eight characters. It is refused from then on."""
    from headrace.cli.people import delete_token

    run_async(delete_token(project, token_id))


@click.group("write-key")
def write_key() -> None:
    """Write keys, with which programs send calls to a source of the type http."""


@write_key.command("new")
@click.argument("source")
@click.argument("name")
@as_json
@click.pass_obj
def new_write_key(project: Path, source: str, name: str, json_output: bool) -> None:
    """Make a write key called NAME for SOURCE, and print it: this once."""
    from headrace.cli.people import create_write_key

    sys.exit(run_async(create_write_key(project, source, name, json_output)))


@write_key.command("list")
@as_json
@click.pass_obj
def list_write_keys(project: Path, json_output: bool) -> None:
    """All write keys; their texts are not kept."""
    from headrace.cli.people import list_write_keys

    sys.exit(run_async(list_write_keys(project, json_output)))


@write_key.command("delete")
@click.argument("key_id", metavar="KEY")
@click.pass_obj
def delete_write_key(project: Path, key_id: str) -> None:
    """Delete a write key by its beginning, hdw_ and eight characters. Calls with it are refused within seconds."""
    from headrace.cli.people import delete_write_key

    run_async(delete_write_key(project, key_id))


@click.group()
def audit() -> None:
    """The log of all changes: who, what, when, from where."""


@audit.command("list")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Entries to show.")
@click.option("--thing", help="Only of this thing, such as sync/people; sync/ is all syncs.")
@click.option("--actor", help="Only by this actor, such as user:ada@example.com; token: is all tokens.")
@as_json
@click.pass_obj
def list_audit(project: Path, limit: int, thing: str | None, actor: str | None, json_output: bool) -> None:
    """The newest entries first. With --json one object per line, with what was and what is."""
    from headrace.cli.people import list_audit

    sys.exit(run_async(list_audit(project, limit, thing, actor, json_output)))


@audit.command("verify")
@as_json
@click.pass_obj
def verify_audit(project: Path, json_output: bool) -> None:
    """Check that no entry was changed or removed; exit code 1 where one was."""
    from headrace.cli.people import verify_audit

    sys.exit(run_async(verify_audit(project, json_output)))
