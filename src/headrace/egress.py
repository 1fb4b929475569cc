"""Which addresses a user-given URL may lead to: those of the public internet, and what an owner allows. Pure.

Special ranges are those of IANA's registries of special-purpose addresses. An IPv6 address that carries an IPv4
address is judged by the one it carries; of the ways to carry one, only those that are in use today are let through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PRIVATE, _LOCAL, _TEST = "a private network", "this machine itself", "a range for documentation and tests"
_PROTOCOL, _RESERVED = "a range for protocols, not for hosts", "a reserved range"

_SPECIAL_4 = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", _LOCAL),
        ("10.0.0.0/8", _PRIVATE),
        ("100.64.0.0/10", "the inner network of a provider"),
        ("127.0.0.0/8", _LOCAL),
        ("168.63.129.16/32", "the inner services of a cloud"),  # public by its number, and Azure's host all the same
        ("169.254.0.0/16", "a link-local range, with the metadata of clouds"),
        ("172.16.0.0/12", _PRIVATE),
        ("192.0.0.0/24", _PROTOCOL),
        ("192.0.2.0/24", _TEST),
        ("192.88.99.0/24", _PROTOCOL),
        ("192.168.0.0/16", _PRIVATE),
        ("198.18.0.0/15", _TEST),
        ("198.51.100.0/24", _TEST),
        ("203.0.113.0/24", _TEST),
        ("224.0.0.0/4", "a multicast range"),
        ("240.0.0.0/4", _RESERVED),
    )
)
_SPECIAL_6 = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/127", _LOCAL),
        ("64:ff9b:1::/48", _PRIVATE),  # NAT64 of a site's own
        ("100::/64", "a range whose packets are discarded"),
        ("2001::/23", _PROTOCOL),  # Teredo, benchmarks, ORCHID…
        ("2001:db8::/32", _TEST),
        ("2002::/16", "a tunnel of a kind that is not in use any more"),  # 6to4
        ("3fff::/20", _TEST),
        ("fc00::/7", _PRIVATE),
        ("fe80::/10", "a link-local range"),
        ("fec0::/10", _PRIVATE),  # site-local
        ("ff00::/8", "a multicast range"),
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")  # nothing else has been given to hosts of the internet
_NAT64, _MAPPED, _COMPATIBLE = IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0/96"), IPv6Network("::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Egress:
    """The judge. ``allow`` holds the networks that are allowed although they are special."""

    allow: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> Egress:
        """From networks as they are written: ``10.0.0.0/8``. Raises `ValueError` that names a wrong one."""
        return cls(tuple(network(text) for text in networks))

    def judge(self, address: Address) -> str | None:
        """Why the address is refused, as a few words that say what it is; None where it may be called."""
        return None if self.allows(address) else _special(address)

    def allows(self, address: Address) -> bool:
        """Whether the address, or the IPv4 address that it carries, lies in an allowed network."""
        inner = carried(address)
        return any(
            one.version == network.version and one in network
            for network in self.allow
            for one in (address, inner)
            if one is not None
        )


def trusted(origin: str) -> bool:
    """Whether what has this origin was written in a file, by whoever administers the machine: it may lead anywhere."""
    return bool(origin) and not origin.startswith("store:")


def network(text: str) -> Network:
    """A network as it is written in ``egress_allow``. Raises `ValueError` with the fix."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not a network. Write one like 10.0.0.0/8, or one address.") from None


def carried(address: Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 address; None where there is none."""
    if isinstance(address, IPv4Address):
        return None
    if any(address in prefix for prefix in (_MAPPED, _NAT64, _TRANSLATED)):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _COMPATIBLE and int(address) > 0xFFFF:
        return IPv4Address(int(address))
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else None


def literal(host: str) -> Address | None:
    """The address that a URL's host (without brackets) is written as; None for a name.

    Raises `ValueError` for what is neither: numbers that some systems read as an address and others do not
    (``2130706433``, ``0x7f.1``, ``127.1``), zones, escapes, and labels that no name has.
    """
    if ":" in host:
        if "%" in host:
            raise ValueError("it names a zone of this machine")
        return IPv6Address(host)
    name = host.removesuffix(".")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        try:
            return IPv4Address(host)
        except ValueError:
            raise ValueError("it is a number, or an IP address in an unusual spelling") from None
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("it is no name of a host")
    return None


def _special(address: Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((what for network, what in _SPECIAL_4 if address in network), None)
    what = next((what for network, what in _SPECIAL_6 if address in network), None)
    if what is not None:
        return what
    if address in _MAPPED or address in _NAT64:
        inner = carried(address)
        assert inner is not None
        return _special(inner)
    return None if address in _GLOBAL_6 else _RESERVED
