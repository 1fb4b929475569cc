"""Which addresses a given URL may lead to: the whole table of ranges, and the spellings of hosts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.egress import Egress, carried, literal, network, trusted

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255
198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 168.63.129.15 168.63.129.17
2001:200:: 2001:4860:4860::8888 2001:db7:: 2001:db9:: 2003:: 2606:4700:4700::1111 2a00:1450:4001::1 3ffe::1
2001:fff:ffff::1 3fff:1000::1 64:ff9b::8.8.8.8 64:ff9b::1.1.1.1 ::ffff:8.8.8.8 ::ffff:1.1.1.1
"""
INSIDE = """
0.0.0.0 0.1.2.3 0.255.255.255 10.0.0.0 10.1.2.3 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.0
127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.253 169.254.169.254
169.254.170.2 169.254.255.255 172.16.0.0 172.17.0.1 172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.192
192.0.0.255 192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.1 192.168.0.0 192.168.1.1 192.168.255.255 198.18.0.0
198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.0 224.0.0.1 224.0.0.251 239.255.255.255
240.0.0.0 240.0.0.1 255.255.255.254 255.255.255.255
:: ::1 ::2 ::7f00:1 ::127.0.0.1 ::10.0.0.1 ::8.8.8.8 ::ffff:0.0.0.0 ::ffff:10.0.0.1 ::ffff:127.0.0.1
::ffff:169.254.169.254 ::ffff:172.16.0.1 ::ffff:192.168.0.1 ::ffff:224.0.0.1 ::ffff:255.255.255.255
::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 64:ff9b::0.0.0.0 64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1
64:ff9b::169.254.169.254 64:ff9b::192.168.0.1 64:ff9b::224.0.0.1 64:ff9b:0:0:0:1:808:808 64:ff9b:1::
64:ff9b:1::8.8.8.8 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 100:: 100::1 100:0:0:1::1 2001:: 2001:0:7f00:1::
2001:0:53aa:64c:0:0:80ff:fffe 2001:1::1 2001:2::1 2001:3::1 2001:10::1 2001:20::1 2001:30::1 2001:1ff:ffff::1
2001:db8:: 2001:db8:ffff::1 2002:: 2002:7f00:1:: 2002:a00:1:: 2002:a9fe:a9fe:: 2002:808:808:: 2002:ffff::1 3fff::
3fff:fff:ffff::1 4000::1 5f00::1 8000::1 fc00:: fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fdff:ffff::1 fe00::1 fe80::
fe80::1 febf::1 fec0:: fec0::1 feff::1 ff00:: ff02::1 ff02::fb ff05::2 ff0e::1
ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
"""
LIFTED = {  # an address inside, and a network that lets it through
    "127.0.0.1": "127.0.0.0/8", "10.1.2.3": "10.0.0.0/8", "10.1.2.4": "10.1.2.4", "169.254.169.254": "169.254.0.0/16",
    "::1": "::1", "::ffff:10.1.2.3": "10.0.0.0/8", "64:ff9b::10.1.2.3": "10.0.0.0/8", "2002:a01:203::": "10.0.0.0/8",
    "::10.1.2.3": "10.0.0.0/8", "fd00::1": "fc00::/7", "64:ff9b:1::10.1.2.3": "64:ff9b:1::/48",
    "224.0.0.1": "224.0.0.0/4",
}  # fmt: skip


def test_the_table_is_large_enough() -> None:
    """The table of addresses covers every special range at its edges."""
    assert len((PUBLIC + INSIDE).split()) >= 150
    assert len(set((PUBLIC + INSIDE).split())) == len((PUBLIC + INSIDE).split())


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public_addresses_pass(text: str) -> None:
    """What is on the public internet may be called, up to the edges of the special ranges."""
    assert Egress().judge(ip_address(text)) is None


@pytest.mark.parametrize("text", INSIDE.split())
def test_special_addresses_are_refused(text: str) -> None:
    """What leads inside, nowhere, or to many is refused with the reason, also inside another address."""
    assert Egress().judge(ip_address(text))


@pytest.mark.parametrize(("text", "allowed"), LIFTED.items())
def test_an_allowed_network_lifts_the_refusal(text: str, allowed: str) -> None:
    """What falls into an allowed network may be called, by its own address or the one it carries; others may not."""
    egress = Egress.of([allowed])
    assert egress.judge(ip_address(text)) is None
    assert egress.allows(ip_address(text))
    assert egress.judge(ip_address("192.168.7.7"))
    assert egress.judge(ip_address("fe80::7"))
    assert not egress.allows(ip_address("8.8.8.8"))


@given(st.ip_addresses(v=4))
def test_a_carried_address_is_never_more_than_itself(address: IPv4Address) -> None:
    """However an IPv4 address is wrapped in IPv6, what is refused plain is refused wrapped."""
    refused = Egress().judge(address) is not None
    number = int(address)
    for prefix in (0xFFFF << 32, 0x64FF9B << 96, 0xFFFF << 48, 0):
        wrapped = IPv6Address(prefix | number)
        assert not refused or Egress().judge(wrapped) is not None
    assert Egress().judge(IPv6Address(0x2002 << 112 | number << 80)) is not None


@given(st.ip_addresses(v=4))
def test_never_laxer_than_the_registry(address: IPv4Address) -> None:
    """What Python's own table calls not global is refused, but for the few blocks that are global after all."""
    exceptions = ("192.0.0.9/32", "192.0.0.10/32", "192.88.99.0/24", "224.0.0.0/4", "168.63.129.16/32", "192.0.0.0/24")
    if not address.is_global:
        assert Egress().judge(address) is not None
    elif Egress().judge(address) is not None:
        assert any(address in IPv4Network(one) for one in exceptions)


@given(st.ip_addresses(v=6))
def test_never_laxer_than_the_registry_for_ipv6(address: IPv6Address) -> None:
    """The same for IPv6, where only 2000::/3 holds hosts."""
    if not address.is_global and carried(address) is None:
        assert Egress().judge(address) is not None
    if address not in ip_network("2000::/3") and carried(address) is None:
        assert Egress().judge(address) is not None


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("0:0:0:0:0:ffff:7f00:1", "::ffff:127.0.0.1"), ("FE80::1", "fe80::1"),
     ("::ffff:127.0.0.1", "::ffff:7f00:1"), ("8.8.8.8", "8.8.8.8")],
)  # fmt: skip
def test_literal_addresses(host: str, address: str) -> None:
    """An address in its usual spelling is understood as one."""
    assert literal(host) == ip_address(address)


@pytest.mark.parametrize(
    "host",
    ["example.com", "example.com.", "localhost", "a_b.example", "xn--bcher-kva.example", "1e100.net", "0xy.example",
     "10.0.0.1.example.com", "127.0.0.1.nip.io", "x" * 63 + ".de"],
)  # fmt: skip
def test_names(host: str) -> None:
    """A name is no address, whatever numbers stand in it before the last dot."""
    assert literal(host) is None


@pytest.mark.parametrize(
    "host",
    ["2130706433", "017700000001", "0x7f000001", "0X7F000001", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f.1",
     "127.0.0.1.", "127.0.0.01", "127.0.0.256", "1.2.3.4.5", "0", "0.", "00.00.00.00", "127.0.0.0x1", "0x", "a.0x7f",
     "999999999999", "example.1", "127.0.0.1..", "example..com", "", ".", ".com", "-a.com", "a-.com", "a b.com",
     "a%2e.com", "127.0.0.1%00.com", "%31%32%37.0.0.1", "fe80::1%eth0", "::1%25lo", "::1%1", "[::1]", ":::1",
     "::ffff:127.1", "12345::", "::ffff:0x7f.0.0.1", "v1.a:b", "bücher.de", "①②⑦.0.0.1", "127。0。0。1", "a\0b.com",
     "a\tb.com", "x" * 64, ".".join(["x" * 50] * 6)],
    ids=repr,
)  # fmt: skip
def test_odd_spellings(host: str) -> None:
    """What one system reads as an address and another as a name, or as nothing, is neither."""
    with pytest.raises(ValueError, match=r"."):
        literal(host)


@given(st.text(alphabet="0123456789abcdefxX.:%[]-", max_size=20))
def test_no_spelling_surprises(host: str) -> None:
    """Any host is an address in the spelling that Python writes back, a name, or refused; nothing else happens."""
    try:
        found = literal(host)
    except ValueError:
        return
    if isinstance(found, IPv4Address):
        assert str(found) == host
    elif found is None:
        assert not host.replace(".", "").isdigit()
        assert ":" not in host


def test_networks_are_read() -> None:
    """A network is written with or without its length; what is none is named."""
    assert str(network(" 10.1.2.3/8 ")) == "10.0.0.0/8"
    assert str(network("::1")) == "::1/128"
    for wrong in ("10.0.0.0/33", "everything", "", "10.0.0.0-10.0.0.9"):
        with pytest.raises(ValueError, match=r"is not a network. Write one like 10\.0\.0\.0/8"):
            network(wrong)


@pytest.mark.parametrize(
    ("origin", "expected"), [("headrace.yaml:12", True), ("headrace/a.yaml:1", True), ("", False), ("store:3", False)]
)
def test_files_are_trusted(origin: str, expected: bool) -> None:
    """Only what stands in a file may lead anywhere: what is kept in the store was given over the network."""
    assert trusted(origin) is expected
