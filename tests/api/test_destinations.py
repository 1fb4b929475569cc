"""Destinations over the API: made, edited with ETags, deleted, checked; secrets go in and never come out."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.testing.http_server import Answer
from tests.api.conftest import Service

SECRET = "hunter2-hunter2"


def webhook(service: Service, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": f"{service.hook.url}/more", "auth": "bearer", "auth_token": SECRET, **more}


async def made(service: Service, name: str = "more") -> str:
    """A destination in the store; its ETag."""
    body = {"name": name, "definition": webhook(service)}
    answer = await service.owner.post("/api/v1/destinations", json=body)
    assert answer.status == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/destinations/{name}"
    return answer.headers["etag"]


async def test_a_secret_is_kept_and_never_shown(service: Service) -> None:
    """A secret that was given is shown as kept, in every answer and in the audit log; and it is used."""
    etag = await made(service)
    answer = await service.owner.get("/api/v1/destinations/more")
    assert answer.json["definition"]["auth_token"] == {"kept": True}
    assert (answer.json["origin"], answer.headers["etag"]) == ("store", etag)
    audit = await service.app.store.audit()
    assert SECRET not in answer.text + repr(audit)
    assert [entry.change.action for entry in audit] == ["destination.create"]
    assert service.app.project.destinations["more"].settings["auth_token"].reveal() == SECRET


async def test_only_owners_see_where_a_secret_may_hide(service: Service) -> None:
    """Addresses beyond the host, and values of HTTP headers, are for whoever handles connections; nor are they logged.

    Whoever may only look, or whose token is for looking alone, sees which host it is and which headers there are.
    """
    url = "https://ann:pass1word@hooks.example.com:8443/T0/secretpath?key=secretkey"
    body = webhook(service, url=url, headers={"X-Api-Key": "secretheader"})
    answer = await service.owner.post("/api/v1/destinations", json={"name": "more", "definition": body})
    assert answer.json["definition"]["url"] == url
    assert (await service.owner.get("/api/v1/destinations/more")).json["definition"] == answer.json["definition"]
    veiled = {"url": "https://hooks.example.com:8443/•••", "headers": {"X-Api-Key": "•••"}}
    for client in (service.as_role("editor", preview=True), service.as_role("owner", scopes="view")):
        one = await client.get("/api/v1/destinations/more")
        listed = await client.get("/api/v1/destinations")
        shown = [one.json["definition"], *(i["definition"] for i in listed.json["items"] if i["name"] == "more")]
        assert [{name: each[name] for name in veiled} for each in shown] == [veiled, veiled]
        assert "pass1word" not in one.text + listed.text
        assert "secret" not in one.text + listed.text
    etag = {"if-match": answer.headers["etag"]}
    assert (await service.owner.put("/api/v1/destinations/more", json={"definition": body}, headers=etag)).status == 200
    assert (await service.owner.delete("/api/v1/destinations/more", headers={"if-match": '"2"'})).status == 204
    log = await service.app.store.audit()
    assert len(log) == 3
    assert "secret" not in repr(log)
    assert "pass1word" not in repr(log)


async def test_edit_with_the_version_that_was_read(service: Service) -> None:
    """An edit needs the ETag of what was read; whoever read an older version is told so, and changes nothing."""
    etag = await made(service)
    path, edit = "/api/v1/destinations/more", {"definition": webhook(service, rate=7)}
    assert (await service.owner.put(path, json=edit)).status == 428
    first = await service.owner.put(path, json=edit, headers={"if-match": etag})
    assert (first.status, first.json["definition"]["rate"]) == (200, 7)
    second = await service.owner.put(path, json={"definition": webhook(service)}, headers={"if-match": etag})
    assert (second.status, second.code) == (412, "edited")
    assert (await service.owner.get(path)).json["definition"]["rate"] == 7
    assert (await service.owner.put(path, json=edit, headers={"if-match": "W/x"})).code == "bad_etag"


async def test_a_kept_secret_outlives_edits(service: Service) -> None:
    """A secret that comes back as it was shown stays; null removes it."""
    etag = await made(service)
    path, shown = "/api/v1/destinations/more", (await service.owner.get("/api/v1/destinations/more")).json["definition"]
    edited = await service.owner.put(path, json={"definition": {**shown, "rate": 5}}, headers={"if-match": etag})
    assert edited.status == 200
    assert service.app.project.destinations["more"].settings["auth_token"].reveal() == SECRET
    bare = {**shown, "auth": "none", "auth_token": None}
    edited = await service.owner.put(path, json={"definition": bare}, headers={"if-match": edited.headers["etag"]})
    assert edited.status == 200
    assert service.app.project.destinations["more"].settings["auth_token"] is None


async def test_all_that_is_wrong_is_said_at_once(service: Service) -> None:
    """A definition is judged as a file is: each fault with its place and code; nothing is saved."""
    body = {"name": "more", "definition": {"type": "webhook", "ulr": "x", "batch_size": "many"}}
    answer = await service.owner.post("/api/v1/destinations", json=body)
    assert (answer.status, answer.code) == (422, "config")
    codes = {finding["code"] for finding in answer.json["error"]["findings"]}
    assert {"unknown_key", "missing_key"} <= codes
    assert (await service.owner.get("/api/v1/destinations/more")).code == "unknown_destination"


async def test_what_a_file_defines_is_edited_there(service: Service) -> None:
    """What stands in a file is shown with its place, and not changed from here."""
    shown = await service.owner.get("/api/v1/destinations/hook")
    assert (shown.json["origin"], shown.json["place"]) == ("file", "headrace.yaml:6")
    assert shown.json["syncs"] == ["orders", "people"]
    headers = {"if-match": shown.headers["etag"]}
    edit = {"definition": webhook(service)}
    for answer in (
        await service.owner.put("/api/v1/destinations/hook", json=edit, headers=headers),
        await service.owner.delete("/api/v1/destinations/hook", headers=headers),
    ):
        assert (answer.status, answer.code) == (409, "managed_by_file")
    again = await service.owner.post("/api/v1/destinations", json={"name": "hook", "definition": webhook(service)})
    assert (again.status, again.code) == (409, "name_taken")


async def test_delete(service: Service) -> None:
    """Deleting needs the ETag, and takes the secret along."""
    etag = await made(service)
    assert (await service.owner.delete("/api/v1/destinations/more")).status == 428
    gone = await service.owner.delete("/api/v1/destinations/more", headers={"if-match": etag})
    assert (gone.status, gone.body) == (204, b"")
    assert (await service.owner.get("/api/v1/destinations/more")).status == 404
    assert await service.app.vault.slots("destination/more") == []


async def test_check_saved_and_unsaved(service: Service) -> None:
    """Settings can be tried before they are saved; what is kept under the name is used then."""
    await made(service)
    service.hook.clear()
    check = await service.owner.post("/api/v1/destinations/hook/check")
    assert (check.status, check.json["ok"]) == (200, True)
    shown = (await service.owner.get("/api/v1/destinations/more")).json["definition"]
    trial = await service.owner.post("/api/v1/destinations/test", json={"name": "more", "definition": shown})
    assert trial.json["ok"], trial.text
    assert service.hook.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert (await service.owner.post("/api/v1/destinations/nope/check")).status == 404


async def test_list_in_pages(service: Service) -> None:
    """Destinations come by name, a page at a time."""
    first = (await service.as_role("viewer").get("/api/v1/destinations", params={"limit": 1})).json
    assert [one["name"] for one in first["items"]] == ["export"]
    params = {"limit": 1, "cursor": first["next"]}
    second = (await service.as_role("viewer").get("/api/v1/destinations", params=params)).json
    assert ([one["name"] for one in second["items"]], second["next"]) == (["hook"], None)


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
async def test_connections_are_the_owners(service: Service, role: str) -> None:
    """Whoever is no owner sees connections, and neither makes nor tries any."""
    client = service.as_role(role)
    assert (await client.get("/api/v1/destinations/hook")).status == 200
    body = {"name": "more", "definition": webhook(service)}
    for path in ("destinations", "destinations/test", "destinations/hook/check"):
        assert (await client.post(f"/api/v1/{path}", json=body)).code == "forbidden"


async def test_how_connections_stand(service: Service) -> None:
    """Unknown before the first run; failing where the last run of a sync ended badly there; working otherwise."""
    viewer = service.as_role("viewer")

    async def health(path: str) -> tuple[str, list[str], str | None]:
        told = (await viewer.get(f"/api/v1/{path}")).json
        return told["health"], told["failing"], (told["last_run"] or {}).get("id")

    assert await health("destinations/hook") == ("unknown", [], None)
    first = await service.run("orders")
    assert await health("destinations/hook") == ("working", [], first.id)
    assert await health("destinations/export") == ("unknown", [], None)
    service.hook.always(Answer(400))
    second = await service.run("people")
    assert await health("destinations/hook") == ("failing", ["people"], second.id)
    assert await health("destinations/export") == ("working", [], second.id)
    assert await health("sources/shop") == ("working", [], second.id)
    service.sql("DROP TABLE people")
    third = await service.run("people")
    assert await health("sources/shop") == ("failing", ["people"], third.id)
    items = (await viewer.get("/api/v1/destinations")).json["items"]
    assert [(one["name"], one["last_run"]["id"]) for one in items] == [("export", third.id), ("hook", third.id)]
