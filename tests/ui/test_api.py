"""The page's API, as gradio_client users call it, and what the server says to nobody else."""

import json

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.support.app_process import AppProcess

WATCH = """
import os, sys
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if str(host) not in ("127.0.0.1", "localhost", "::1", "None", "0.0.0.0", ""):
        with open(os.environ["CALLS_FILE"], "a") as file:
            file.write(f"{event} {host}\\n")
sys.addaudithook(watch)
open(os.environ["CALLS_FILE"], "a").close()
"""


def test_chat_answers_remembers_and_streams(demo_app):
    client = Client(demo_app.url, verbose=False)
    assert "Ada" in client.predict("My name is Ada", api_name="/chat")
    job = client.submit("what is my name?", api_name="/chat")
    assert "Ada" in job.result()
    assert job.outputs()[-1] == job.result()
    client.close()


def test_two_clients_are_two_visitors(demo_app):
    first, second = Client(demo_app.url, verbose=False), Client(demo_app.url, verbose=False)
    first.predict("My name is Ada", api_name="/chat")
    assert "Ada" not in second.predict("what is my name?", api_name="/chat")
    first.close()
    second.close()


def test_only_chat_is_offered(demo_app):
    client = Client(demo_app.url, verbose=False)
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/chat"]
    client.close()


def test_an_empty_message_is_an_error_for_a_client(demo_app):
    client = Client(demo_app.url, verbose=False)
    with pytest.raises(AppError):
        client.predict("  ", api_name="/chat")
    assert client.predict("hello", api_name="/chat")
    client.close()


def test_the_server_calls_nobody_when_it_starts_and_chats(tmp_path):
    """An audit hook in the application's own process sees every name it looks up and every address it calls."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    calls = tmp_path / "calls.txt"
    with AppProcess(tmp_path, {"CALLS_FILE": str(calls)}, forked=False) as app:
        client = Client(app.url, verbose=False)
        client.predict("hello", api_name="/chat")
        client.close()
    assert calls.read_text() == "", "it calls somebody"


def test_the_visitors_cookie_is_out_of_reach_of_scripts(demo_app):
    import httpx

    with httpx.Client() as browser:
        first = browser.get(demo_app.url)
        header = first.headers["set-cookie"]
        assert "HttpOnly" in header
        assert "SameSite=Lax" in header
        assert len(first.cookies["chatbot_visitor"]) > 40
        again = browser.get(demo_app.url).headers["set-cookie"]
        # Whoever comes back has another year; a value that was not made here is not handed out.
        assert again == header
        assert f"Max-Age={365 * 24 * 3600}" in again
        planted = httpx.get(demo_app.url, headers={"cookie": 'chatbot_visitor="a\\012Set-Cookie: b=c"'})
        assert planted.status_code == 200
        assert "set-cookie" not in planted.headers
        assert json.dumps(first.cookies["chatbot_visitor"]) not in first.text
