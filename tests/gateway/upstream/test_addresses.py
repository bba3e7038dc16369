"""Which addresses a declaration covers."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.addresses import Declared, declare, judged


@pytest.mark.parametrize(
    "text",
    [
        "8.8.8.8",
        "1.1.1.1",
        "104.18.7.192",
        "172.15.255.255",
        "172.32.0.0",
        "2606:4700::6810:7c0",
        "2a00:1450:4001:80b::200e",
        pytest.param("::ffff:8.8.8.8", id="mapped_public"),
        pytest.param("64:ff9b::8.8.8.8", id="nat64_public"),
    ],
)
def test_public_address_is_covered_by_public(text: str) -> None:
    assert declare(["public"]).permits(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("0.0.0.0", id="unspecified"),
        pytest.param("0.1.2.3", id="this_network"),
        pytest.param("10.0.0.1", id="private_10"),
        pytest.param("172.16.0.1", id="private_172_first"),
        pytest.param("172.31.255.255", id="private_172_last"),
        pytest.param("192.168.1.1", id="private_192"),
        pytest.param("100.64.0.1", id="shared"),
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.8.9.1", id="loopback_else"),
        pytest.param("169.254.0.1", id="link_local"),
        pytest.param("169.254.169.254", id="metadata"),
        pytest.param("168.63.129.16", id="azure_host_agent_in_public_space"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("198.18.0.1", id="benchmarking"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::", id="v6_unspecified"),
        pytest.param("::1", id="v6_loopback"),
        pytest.param("::7f00:1", id="v4_compatible"),
        pytest.param("::ffff:127.0.0.1", id="mapped_loopback"),
        pytest.param("::ffff:10.0.0.1", id="mapped_private"),
        pytest.param("::ffff:169.254.169.254", id="mapped_metadata"),
        pytest.param("64:ff9b::10.0.0.1", id="nat64_private"),
        pytest.param("64:ff9b::169.254.169.254", id="nat64_metadata"),
        pytest.param("64:ff9b:1::1", id="local_nat64"),
        pytest.param("fe80::1", id="v6_link_local"),
        pytest.param("fe80::1%eth0", id="v6_link_local_with_scope"),
        pytest.param("fc00::1", id="unique_local"),
        pytest.param("fd00:ec2::254", id="v6_metadata"),
        pytest.param("fec0::1", id="site_local"),
        pytest.param("ff02::1", id="v6_multicast"),
        pytest.param("2001::1", id="teredo"),
        pytest.param("2001:db8::1", id="v6_documentation"),
        pytest.param("2002:7f00:1::", id="6to4_of_loopback"),
        pytest.param("3fff::1", id="v6_documentation_new"),
        pytest.param("4000::1", id="not_allocated"),
    ],
)
def test_special_address_is_not_public(text: str) -> None:
    assert not declare(["public"]).permits(ip_address(text))


@pytest.mark.parametrize(
    ("networks", "text", "is_permitted"),
    [
        pytest.param(["10.1.0.0/16"], "10.1.2.3", True, id="inside"),
        pytest.param(["10.1.0.0/16"], "10.2.0.0", False, id="beside"),
        pytest.param(["10.1.0.0/16"], "8.8.8.8", False, id="public_not_named"),
        pytest.param(["10.1.0.0/16", "public"], "8.8.8.8", True, id="both"),
        pytest.param(["10.1.0.0/16"], "::ffff:10.1.2.3", True, id="mapped_is_the_one_inside"),
        pytest.param(["127.0.0.0/8"], "127.0.0.1", True, id="loopback_named"),
        pytest.param(["::1/128"], "::1", True, id="v6_loopback_named"),
        pytest.param(["fd12::/16"], "fd12::1", True, id="unique_local_named"),
        pytest.param(["10.1.2.3"], "10.1.2.3", True, id="single_address"),
        pytest.param(["0.0.0.0/0"], "127.0.0.1", True, id="everything"),
        pytest.param(["0.0.0.0/0"], "169.254.169.254", False, id="everything_but_metadata"),
        pytest.param(["0.0.0.0/0"], "0.0.0.0", False, id="everything_but_unspecified"),
        pytest.param(["169.254.0.0/16"], "169.254.170.2", False, id="link_local_but_metadata"),
        pytest.param(["::/0"], "::ffff:127.0.0.1", False, id="v6_range_does_not_hold_a_mapped_v4"),
        pytest.param(["::/0"], "64:ff9b::10.0.0.1", False, id="nor_a_nat64_one"),
        pytest.param([], "8.8.8.8", False, id="nothing_declared"),
    ],
)
def test_named_ranges_are_covered_and_nothing_else(
    networks: list[str], text: str, is_permitted: bool
) -> None:
    assert declare(networks).permits(ip_address(text)) is is_permitted


@pytest.mark.parametrize("text", ["private", "10.0.0.1/8", "10.0.0.0/33", "", "example.com"])
def test_unreadable_range_is_named_with_its_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither .public. nor a range like"):
        declare(["public", text])


@given(st.integers(0, 2**32 - 1))
def test_address_inside_another_decides_for_it(number: int) -> None:
    plain = IPv4Address(number)
    mapped = IPv6Address(0xFFFF_0000_0000 + number)
    translated = IPv6Address((0x0064_FF9B << 96) + number)
    assert judged(mapped) == judged(translated) == plain
    for declared in (declare(["public"]), declare(["10.0.0.0/8", "127.0.0.0/8"])):
        assert declared.permits(mapped) == declared.permits(translated) == declared.permits(plain)


def test_declaration_reads_as_it_was_written() -> None:
    assert str(declare(["10.1.0.0/16", "public"])) == "public, 10.1.0.0/16"
    assert str(Declared(is_public=False, networks=())) == "nothing"
