"""The SSH server proves who it is: one pinned key, confirmed or configured, and no other."""

from __future__ import annotations

import asyncssh
import pytest

from headrace.aio import in_thread
from headrace.errors import SourceError
from headrace.net.ssh_host_key import HostKey, known_hosts_name
from headrace.testing.ssh import SshServer
from tests.net.ssh.site import Site

OTHER = asyncssh.generate_private_key("ssh-ed25519")
KEYS = {
    kind: asyncssh.generate_private_key(kind)
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
}


async def test_unknown_server(site: Site) -> None:
    """A server whose key nobody confirmed is not logged in to; its fingerprint and the way to confirm it are told."""
    key = await site.keys.new()
    site.server.install(key.public)
    code, message = await site.refusal(site.save())
    assert code == "ssh_host_key"
    assert site.server.fingerprint() in message
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in message
    assert "headrace ssh-key trust shop" in message
    assert key.fingerprint not in site.server.log


async def test_confirmed_server(site: Site) -> None:
    """What the server shows is what its own file says; once trusted, it is connected to."""
    shown = await in_thread(site.tunnels.shown_host_key, site.settings)
    assert shown == site.server.host_key()
    key = await site.keys.new()
    site.server.install(key.public)
    await site.keys.trust(site.server.host, site.server.port, shown)
    assert (await site.save()) == key
    pin = await site.keys.host_key(site.server.host, site.server.port)
    assert pin == HostKey(site.server.fingerprint(), "ssh-ed25519")


async def test_one_of_several_keys_can_be_asked_for(site: Site) -> None:
    """A server has keys of several kinds; who wants to confirm its RSA key is shown that."""
    wanted = HostKey(site.server.fingerprint("ssh-rsa"))
    assert await in_thread(site.tunnels.shown_host_key, site.settings, wanted) == site.server.host_key("ssh-rsa")


async def test_trust_is_for_one_server(site: Site) -> None:
    """A key confirmed for one host and port is unknown at another."""
    await site.trust()
    assert await site.keys.host_key(site.server.host, site.server.port) is not None
    assert await site.keys.host_key(site.server.host, 22) is None
    assert await site.keys.host_key("bastion.example", site.server.port) is None


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
@pytest.mark.parametrize("form", ["fingerprint", "known_hosts", "public key"])
async def test_configured_host_key(site: Site, kind: str, form: str) -> None:
    """`host_key` in the configuration needs no confirmation, in any of its forms, for any key the server has."""
    host_key = site.server.host_key(kind)
    forms = {
        "fingerprint": site.server.fingerprint(kind),
        "known_hosts": f"[127.0.0.1]:{site.server.port} {host_key}",
        "public key": f"{host_key} root@bastion",
    }
    site.settings["host_key"] = forms[form]
    key = await site.keys.new()
    site.server.install(key.public)
    assert (await site.save()) == key


async def test_configured_host_key_comes_first(site: Site) -> None:
    """A `host_key` that is not the server's refuses it, although the server's was confirmed."""
    await site.ready()
    site.settings["host_key"] = OTHER.export_public_key().decode()
    code, message = await site.refusal()
    assert code == "ssh_host_key"
    assert OTHER.get_fingerprint() in message
    assert site.server.fingerprint() in message


async def test_changed_host_key(own_site: Site, own_server: SshServer) -> None:
    """A server with another key than before is refused before any login, with both fingerprints; trust mends it."""
    await own_site.ready()
    before = own_server.fingerprint()
    own_server.stop()
    own_server.make_host_keys()
    own_server.start()
    logins = own_server.log.count("Accepted")
    code, message = await own_site.refusal()
    assert code == "ssh_host_key"
    assert f"expected {before}, got {own_server.fingerprint()} (ssh-ed25519)" in message
    assert "headrace ssh-key trust shop" in message
    assert own_server.log.count("Accepted") == logins
    await own_site.trust()
    async with own_site.opened():
        pass


async def test_fingerprint_of_none_of_its_keys(site: Site) -> None:
    """With a fingerprint alone each kind of key is asked for; the message tells all that the server has."""
    await site.ready()
    site.settings["host_key"] = OTHER.get_fingerprint()
    code, message = await site.refusal()
    assert code == "ssh_host_key"
    for kind in ("ssh-ed25519", "ssh-rsa"):
        assert f"{site.server.fingerprint(kind)} ({kind})" in message


async def test_kind_that_the_server_has_not(site: Site) -> None:
    """A pinned key of a kind the server no longer has is a changed key, not a riddle of algorithms."""
    await site.ready()
    site.settings["host_key"] = KEYS["ecdsa-sha2-nistp256"].export_public_key().decode()
    code, message = await site.refusal()
    assert code == "ssh_host_key"
    assert site.server.fingerprint() in message


@pytest.mark.parametrize("kind", KEYS)
def test_fingerprints_are_those_of_ssh_keygen(kind: str) -> None:
    """Public key and line of known_hosts have the fingerprint that an SSH library computes."""
    public = KEYS[kind].export_public_key().decode()
    expected = HostKey(KEYS[kind].get_fingerprint(), kind)
    assert HostKey.parse(public) == expected
    assert HostKey.parse(f"bastion,10.0.0.1 {public}") == expected
    assert HostKey.parse(f"|1|c2FsdA==|aGFzaA== {public.strip()} comment") == expected
    assert HostKey.parse(f" {expected.fingerprint}= ") == HostKey(expected.fingerprint)


NO_HOST_KEYS = {
    "nothing": "",
    "a name": "bastion",
    "MD5": "MD5:aa:bb",
    "too short": "SHA256:short",
    "a kind alone": "ssh-ed25519",
    "cut": "ssh-ed25519 AAAA",
    "not base64": "ssh-ed25519 !",
    "DSA": "ssh-dss AAAAB3NzaC1kc3M=",
    "another kind": f"ssh-rsa {OTHER.export_public_key().decode().split()[1]}",
    "an authority": f"@cert-authority * {OTHER.export_public_key().decode()}",
    "two": f"{OTHER.export_public_key().decode()}{KEYS['ssh-rsa'].export_public_key().decode()}",
}


@pytest.mark.parametrize("text", NO_HOST_KEYS.values(), ids=NO_HOST_KEYS)
def test_what_is_no_host_key(text: str) -> None:
    """What is neither a fingerprint nor exactly one key is refused, with the forms that are taken."""
    with pytest.raises(SourceError) as caught:
        HostKey.parse(text)
    assert caught.value.code == "ssh_host_key"
    assert "SHA256:…" in caught.value.message


def test_names_in_known_hosts() -> None:
    """A port other than 22 is part of a server's name."""
    assert known_hosts_name("bastion", 22) == "bastion"
    assert known_hosts_name("bastion", 2222) == "[bastion]:2222"
