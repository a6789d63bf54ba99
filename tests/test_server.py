"""The server's sockets, and what is looked at before they open."""

import re
import socket
import time
from pathlib import Path

import pytest

from chatbot.server import listen
from tests.support.app_process import AppProcess, refused


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_reply_in_two_parts_does_not_wait_for_an_acknowledgement(host):
    with listen(host, 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"CHATBOT_DEPLOYMENTS_FILE": "deployments.toml"}, "“Broken”"),
        ({"CHATBOT_STORE_URL": "postgresql://127.0.0.1:9/none"}, "CHATBOT_STORE_URL: the database cannot be opened"),
        ({}, "cannot listen on 127.0.0.1"),
    ],
    ids=["deployments", "store", "port"],
)
def test_what_cannot_work_is_told_before_the_port_opens(tmp_path, settings, words):
    """The port is another program's: whoever tried to open it would say so."""
    (tmp_path / "deployments.toml").write_text('[[deployment]]\nname = "Broken"\nmodel = "nobody:nothing"\n')
    with listen("127.0.0.1", 0) as taken:
        ended = refused(tmp_path, **{"CHATBOT_PORT": str(taken.getsockname()[1]), **settings})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert ("cannot listen" in ended.stderr) is (not settings)
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells how often a process was woken")
def test_an_application_that_nobody_asks_anything_lets_the_processor_rest(tmp_path):
    def woken():
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[1]), time.monotonic()

    with AppProcess(tmp_path) as process:
        time.sleep(1)  # what its start left to do
        before, began = woken()
        time.sleep(2)
        after, ended = woken()
    # Twenty times a second for clients of the API, and ten for its end; Gradio's queue as it is, a thousand times.
    assert (after - before) / (ended - began) < 60
