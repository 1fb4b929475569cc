"""Kept secrets for ``${NAME}`` in the configuration: their names, never a value."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from headrace.api.deps import Caller, Owner
from headrace.api.document import problems
from headrace.api.errors import Unknown
from headrace.api.schemas import Page, Shape
from headrace.keep.vault import VALUE, variable
from headrace.model import Secret

router = APIRouter(prefix="/api/v1/secrets", tags=["secrets"])

Name = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$", description="Of the variable: SHOP_PASSWORD.")]


class SecretShown(Shape):
    name: str
    used: bool = Field(description="False: a variable of the environment has precedence.")


class SecretValue(Shape):
    value: str = Field(min_length=1, max_length=65_536, description="It is kept encrypted, and never shown again.")


@router.get("", operation_id="list_secrets", summary="Which variables have a kept value")
async def list_secrets(caller: Owner) -> Page[SecretShown]:
    kept = [record.removeprefix(variable("")) for record in await caller.app.vault.records()
            if record.startswith(variable(""))]  # fmt: skip
    return Page(items=[_shown(caller, name) for name in kept])


@router.put("/{name}", operation_id="set_secret", summary="Keep a value for a variable", responses=problems(409))
async def set_secret(name: Name, body: SecretValue, caller: Owner) -> SecretShown:
    await caller.app.vault.put(variable(name), VALUE, Secret(body.value))
    await caller.app.store.log(caller.change("secret.set", f"secret/{name}"))
    return _shown(caller, name)


@router.delete("/{name}", operation_id="delete_secret", summary="Forget a kept value", status_code=204)
async def delete_secret(name: Name, caller: Owner) -> None:
    if not await caller.app.vault.slots(variable(name)):
        raise Unknown(f"No secret {name!r} is kept.", code="unknown_secret")
    await caller.app.vault.delete(variable(name), VALUE)
    await caller.app.store.log(caller.change("secret.delete", f"secret/{name}"))


def _shown(caller: Caller, name: str) -> SecretShown:
    return SecretShown(name=name, used=not caller.app.loader.in_environment(name))
