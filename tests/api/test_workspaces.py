"""Workspaces over the API: people, their events and relationships, and objects, also while they are written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headrace.destinations.workspace import WorkspaceDestination, WorkspaceReader
from tests.api.asgi import Client
from tests.api.conftest import CONFIG, Service
from tests.destinations.workspaces import Desk

PATH = "/api/v1/workspaces/here"
HOSTILE = ["a/b", "../..", "", " ", "名前 😀", "%2F", "<b>x</b>", "'; drop table people; --", 'say "hi"\\', "x" * 900]


@pytest.fixture
async def desk(service: Service) -> Desk:
    """The workspace `here`, into which nothing has arrived yet."""
    text = CONFIG.replace("destinations:\n", "destinations:\n  here: {type: workspace}\n", 1)
    (service.folder / "headrace.yaml").write_text(text)
    await service.app.reload(files=True)
    destination = service.app.open_destination("here")
    assert isinstance(destination, WorkspaceDestination)
    return Desk(destination.path)


@pytest.fixture
def client(service: Service, desk: Desk) -> Client:
    return service.as_role("viewer", preview=True)


async def all_of(client: Client, path: str, **params: Any) -> list[Any]:
    """Every item of a list, in pages of two."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get(path, params={**params, "limit": 2, **cursor})
        assert answer.status == 200, answer.text
        found += answer.json["items"]
        if answer.json["next"] is None:
            return found
        assert len(answer.json["items"]) == 2
        cursor = {"cursor": answer.json["next"]}


async def test_nothing_has_arrived(client: Client) -> None:
    """Before the first call there is no file: all is empty, and nothing is made by looking."""
    told = (await client.get(PATH)).json
    assert (told["exists"], told["people"], told["object_types"]) == (False, 0, [])
    assert (await client.get(f"{PATH}/people")).json == {"items": [], "next": None}
    assert (await client.get(f"{PATH}/objects")).json == {"items": [], "next": None}
    assert (await client.get(f"{PATH}/people/1")).code == "unknown_person"
    assert (await client.get(f"{PATH}/objects/1")).code == "unknown_object"
    assert (await client.get(PATH)).json["exists"] is False


async def test_what_is_no_workspace(client: Client) -> None:
    """Another destination, and one that is not there, answer 404 and say which of the two it is."""
    assert (await client.get("/api/v1/workspaces/export")).code == "not_a_workspace"
    answer = await client.get("/api/v1/workspaces/nowhere/people")
    assert (answer.status, answer.code) == (404, "unknown_destination")


async def test_people_are_searched_and_paged(client: Client, desk: Desk) -> None:
    """The newest first, a page at a time; by any text in id, e-mail address, anonymous id or attribute."""
    people = [
        {"user_id": f"u{n}", "body": {"email": f"P{n}@Example.com", "plan": ["free", "pro"][n % 2]}} for n in range(5)
    ]
    await desk.identify(*people)
    await desk.identify({"user_id": "u9", "anonymous_id": "anon-77"})
    assert [one["user_id"] for one in await all_of(client, f"{PATH}/people")] == ["u9", "u4", "u3", "u2", "u1", "u0"]

    async def found(search: str) -> list[str]:
        return [one["user_id"] for one in await all_of(client, f"{PATH}/people", search=search)]

    assert await found("p3@example") == ["u3"]
    assert await found("PRO") == ["u3", "u1"]
    assert await found("non-7") == ["u9"]
    assert await found("%") == []
    first = (await all_of(client, f"{PATH}/people", search="u0"))[0]
    assert (first["email"], first["attributes"]["plan"]) == ("p0@example.com", "free")


@pytest.mark.parametrize("user_id", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_ids(client: Client, desk: Desk, user_id: str) -> None:
    """Whatever stands in an id or an attribute is found by its text, and passed on letter by letter."""
    who = {"user_id": user_id} if user_id else {"anonymous_id": "somebody"}
    await desk.identify({**who, "body": {"word": user_id}})
    [one] = (await client.get(f"{PATH}/people", params={"search": user_id[:200]})).json["items"]
    assert (one["user_id"] or "", one["attributes"].get("word", "")) == (user_id, user_id)
    whole = (await client.get(f"{PATH}/people/{one['id']}")).json
    assert whole["attributes"] == one["attributes"]


async def test_one_person(client: Client, desk: Desk) -> None:
    """A person with anonymous ids and devices; events newest first and relationships come in pages of their own."""
    await desk.identify({"user_id": "u1", "anonymous_id": "a1", "body": {"name": "Ann"}})
    await desk.track(*({"user_id": "u1", "name": f"e{n}", "body": {"n": n}} for n in range(5)))
    await desk.group(*({"user_id": "u1", "group_id": f"g/{n}"} for n in range(3)))
    [one] = (await client.get(f"{PATH}/people")).json["items"]
    path = f"{PATH}/people/{one['id']}"
    whole = (await client.get(path)).json
    assert (whole["user_id"], whole["anonymous_ids"], whole["devices"]) == ("u1", ["a1"], [])
    events = await all_of(client, f"{path}/events")
    assert [(event["name"], event["properties"]) for event in events] == [(f"e{n}", {"n": n}) for n in (4, 3, 2, 1, 0)]
    assert [one["object"] for one in await all_of(client, f"{path}/relationships")] == ["g/0", "g/1", "g/2"]
    for rest in ("", "/events", "/relationships"):
        assert (await client.get(f"{PATH}/people/999{rest}")).code == "unknown_person"


async def test_objects(client: Client, desk: Desk) -> None:
    """Objects by type and text, how many people each has, and who they are."""
    body = {"name": "Acme", "relationshipAttributes": {"role": "boss"}}
    await desk.group(*({"user_id": f"u{n}", "group_id": "a/1", "body": body} for n in range(3)))
    await desk.group({"group_id": "b", "object_type_id": "2", "body": {"name": "Course"}})
    told = (await client.get(PATH)).json
    assert told["object_types"] == [{"type": "1", "objects": 1}, {"type": "2", "objects": 1}]
    assert (told["exists"], told["people"], told["objects"], told["relationships"]) == (True, 3, 2, 3)
    assert [one["object"] for one in await all_of(client, f"{PATH}/objects")] == ["b", "a/1"]
    [acme] = await all_of(client, f"{PATH}/objects", type="1", search="ACM")
    assert (acme["attributes"], acme["people"]) == ({"name": "Acme"}, 3)
    assert (await client.get(f"{PATH}/objects/{acme['id']}")).json == acme
    people = await all_of(client, f"{PATH}/objects/{acme['id']}/people")
    assert [(one["user_id"], one["attributes"]) for one in people] == [(f"u{n}", {"role": "boss"}) for n in range(3)]


async def test_while_it_is_written(client: Client, desk: Desk) -> None:
    """Whoever looks while a run writes gets a whole answer, and the writer is not held up."""
    await desk.identify({"user_id": "first"})
    writing = asyncio.create_task(write(desk, 40))
    while not writing.done():
        answer = await client.get(f"{PATH}/people", params={"search": "u"})
        assert answer.status == 200, answer.text
    await writing
    assert (await client.get(PATH)).json["people"] == 41


async def write(desk: Desk, count: int) -> None:
    for number in range(count):
        await desk.identify({"user_id": f"u{number}"})


async def test_a_question_that_takes_too_long_is_ended(
    client: Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would run for longer than anybody waits is ended with advice, and the file can be asked again."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT * FROM n WHERE x < 0"
    await desk.identify({"user_id": "u1"})
    with monkeypatch.context() as patch:
        patch.setattr("headrace.api.workspaces.LONGEST", 0.05)
        patch.setattr(WorkspaceReader, "people", lambda self, *_: self._rows(endless))
        answer = await client.get(f"{PATH}/people")
    assert (answer.status, answer.code) == (502, "workspace_slow")
    assert len(await all_of(client, f"{PATH}/people")) == 1


async def test_a_damaged_file_is_told(client: Client, desk: Desk) -> None:
    """A file that is no workspace is an error with words, not a defect."""
    desk.path.write_bytes(b"not a database" * 500)
    answer = await client.get(f"{PATH}/people")
    assert (answer.status, answer.code) == (502, "workspace_unreadable"), answer.text


async def test_where_nobody_looks_at_rows(service: Service, desk: Desk) -> None:
    """Without the right to see rows, and where the service shows none, people are not shown either."""
    assert (await service.as_role("owner").get(PATH)).code == "forbidden"
    text = (service.folder / "headrace.yaml").read_text().replace("service:", "service:\n  preview: false")
    (service.folder / "headrace.yaml").write_text(text)
    await service.app.reload(files=True)
    assert (await service.owner.get(f"{PATH}/people")).code == "preview_off"
