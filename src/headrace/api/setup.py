"""The first run: who has the code that `headrace serve` printed makes the first owner."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from headrace.api.access import AccessHere, Email, Label, Me, OnceCode, Password, address_of
from headrace.api.deps import public
from headrace.api.document import problems
from headrace.api.schemas import Shape
from headrace.keep.accounts import new_user, told_user
from headrace.keep.passwords import judge
from headrace.people import Role

router = APIRouter(prefix="/api/v1", tags=["setup"])


class SetUpShown(Shape):
    needed: bool


class SetUpAsked(Shape):
    code: OnceCode
    email: Email
    name: Label
    password: Password


@router.get("/setup", operation_id="get_setup", summary="Whether there is nobody yet")
@public
async def get_setup(access: AccessHere) -> SetUpShown:
    return SetUpShown(needed=await access.set_up.needed())


@router.post(
    "/setup", operation_id="set_up", summary="Make the first owner, once", status_code=201, responses=problems(409)
)
@public
async def set_up(asked: SetUpAsked, access: AccessHere, request: Request, response: Response) -> Me:
    judge(asked.password, asked.email)
    address = address_of(request)
    access.tries.take(address, "the set-up")
    user = new_user(
        asked.email, asked.name, Role.OWNER, access.app.clock.now(), preview=True,
        password=await access.passwords.hashed(asked.password),
    )  # fmt: skip
    audit = access.change(request, user.email, "user.create", after=told_user(user))
    await access.set_up.finish(asked.code, user, audit)
    access.tries.succeeded(address, "the set-up")
    return await access.begin_session(user, request, response, "set-up")
