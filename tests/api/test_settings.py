"""What the service is made of, and its settings as they count."""

from __future__ import annotations

from typing import Any

import headrace
from tests.api.conftest import CONFIG, Service


async def effective(service: Service) -> dict[str, Any]:
    answer = await service.owner.get("/api/v1/settings/effective")
    assert answer.status == 200, answer.text
    return {one["name"]: one for one in answer.json["items"]}


async def test_where_each_setting_is_from(service: Service) -> None:
    """A file wins over the store, the store over the default; what a file says is not to be changed here."""
    etag = (await service.owner.get("/api/v1/settings")).headers["etag"]
    body = {"definition": {"kept_calls": 7, "retention": {"runs": "30 days"}}}
    saved = await service.owner.put("/api/v1/settings", json=body, headers={"if-match": etag})
    assert saved.status == 200, saved.text
    found = await effective(service)
    told = {name: (found[name]["value"], found[name]["origin"], found[name]["editable"]) for name in found}
    assert told["kept_calls"] == (7, "store", True)
    assert told["retention.runs"] == ("30 days", "store", True)
    assert told["retention.errors"] == ("30 days", "default", True)
    assert told["egress_allow"] == (["127.0.0.1"], "file", False)
    assert told["listen"] == ("127.0.0.1:8080", "default", False)
    assert found["egress_allow"]["place"].startswith("headrace.yaml:")
    assert (await service.as_role("editor").get("/api/v1/settings/effective")).code == "forbidden"


async def test_no_secret_among_them(service: Service) -> None:
    """Of a secret it is only told that there is one."""
    mail = "service:\n  mail: {host: smtp.example.com, sender: a@example.com, user: ada, password: hunter2-hunter2}"
    (service.folder / "headrace.yaml").write_text(CONFIG.replace("service:", mail))
    await service.app.reload(files=True)
    found = await effective(service)
    assert found["mail.password"]["value"] == {"kept": True}
    assert (found["mail.host"]["value"], found["mail.host"]["origin"]) == ("smtp.example.com", "file")
    assert (found["oidc.client_secret"]["value"], found["oidc.issuer"]["value"]) == (None, None)
    assert "hunter2" not in str(found)


async def test_about(service: Service) -> None:
    """Versions, licences of what is installed, and the addresses that an owner set for people's firewalls."""
    body = {"definition": {"egress_addresses": ["203.0.113.7", "2001:db8::/64"]}}
    await service.owner.put("/api/v1/settings", json=body, headers={"if-match": '"0"'})
    told = (await service.as_role("viewer").get("/api/v1/about")).json
    assert told["version"] == headrace.__version__
    assert told["egress_addresses"] == ["203.0.113.7", "2001:db8::/64"]
    licences = {package["name"].lower(): package["licence"] for package in told["packages"]}
    assert licences["fastapi"] == "MIT"
    assert "headrace" not in licences
    assert len(licences) == len(told["packages"])
    wrong = {"definition": {"egress_addresses": ["everywhere"]}}
    answer = await service.owner.put("/api/v1/settings", json=wrong, headers={"if-match": '"1"'})
    assert answer.json["error"]["findings"][0]["code"] == "bad_network"
