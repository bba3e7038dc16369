"""The listening sockets: who has the port, and how long a silent client is borne."""

import socket

import pytest

from gateway.config.schema import AdminListen, DataListen
from gateway.errors import PortTakenError
from gateway.process import UNACKNOWLEDGED_MS, listen, set_user_timeout


def test_taken_port_is_told_with_both_remedies() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError) as refused:
            listen(AdminListen(host="127.0.0.1", port=port), "admin")
    text = str(refused.value)
    assert f"127.0.0.1:{port}" in text and "in use" in text
    assert "--admin-listen" in text and "listen.admin.port" in text


def test_name_that_nobody_knows_is_no_traceback() -> None:
    with pytest.raises(PortTakenError, match=r"no-such-host\.invalid"):
        listen(DataListen(host="no-such-host.invalid", port=0), "data")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="a Linux option")
def test_accepted_connections_inherit_the_user_timeout() -> None:
    listening = listen(DataListen(host="127.0.0.1", port=0), "data")
    set_user_timeout(listening)
    with listening, socket.create_connection(listening.getsockname()[:2]):
        accepted, _ = listening.accept()
        with accepted:
            option = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert option == UNACKNOWLEDGED_MS == 60_000


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_address_is_listened_on_where_there_is_one() -> None:
    try:
        listening = listen(DataListen(host="::1", port=0), "data")
    except PortTakenError as error:
        pytest.skip(f"no IPv6 loopback: {error}")
    with listening:
        assert listening.family is socket.AF_INET6
