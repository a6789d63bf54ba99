"""The server's sockets."""

import socket

import pytest

from chatbot.server import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_reply_in_two_parts_does_not_wait_for_an_acknowledgement(host):
    with listen(host, 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
