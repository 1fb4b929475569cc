"""Kept secrets over the API."""

from __future__ import annotations

from tests.api.conftest import TOKEN, Service


async def test_kept_listed_and_forgotten(service: Service) -> None:
    """A value is kept encrypted and never answered; its name is listed, and forgotten with it; each is in the log."""
    value = "v-nobody-may-read"
    set_ = await service.owner.put("/api/v1/secrets/SHOP_PASSWORD", json={"value": value})
    assert (set_.status, set_.json) == (200, {"name": "SHOP_PASSWORD", "used": True})
    listed = await service.owner.get("/api/v1/secrets")
    assert listed.json["items"] == [{"name": "SHOP_PASSWORD", "used": True}]
    assert value not in f"{set_.json} {listed.json} {await service.app.store.all_sealed()}"
    assert (await service.owner.delete("/api/v1/secrets/SHOP_PASSWORD")).status == 204
    assert (await service.owner.get("/api/v1/secrets")).json["items"] == []
    gone = await service.owner.delete("/api/v1/secrets/SHOP_PASSWORD")
    assert (gone.status, gone.json["error"]["code"]) == (404, "unknown_secret")
    logged = [(entry.change.action, entry.change.thing) for entry in await service.app.store.audit()]
    assert logged == [("secret.delete", "secret/SHOP_PASSWORD"), ("secret.set", "secret/SHOP_PASSWORD")]
    assert value not in str(await service.app.store.audit())


async def test_the_environment_has_precedence(service: Service) -> None:
    """A variable that the environment has is said to be unused here."""
    told = await service.owner.put("/api/v1/secrets/HOOK_TOKEN", json={"value": "other"})
    assert told.json == {"name": "HOOK_TOKEN", "used": False}
    destination = service.app.project.destinations["hook"].settings["auth_token"]
    assert destination.reveal() == TOKEN


async def test_names_and_values_are_judged(service: Service) -> None:
    """No name that is no variable, no empty value."""
    for name, value in (("A-B", "x"), ("1A", "x"), ("A", "")):
        assert (await service.owner.put(f"/api/v1/secrets/{name}", json={"value": value})).status == 422


async def test_a_service_takes_it_up(service: Service) -> None:
    """A change of a secret moves the generation, so that every process reads its configuration again."""
    before = await service.app.store.generation()
    await service.owner.put("/api/v1/secrets/SHOP_PASSWORD", json={"value": "x"})
    assert await service.app.store.generation() > before
