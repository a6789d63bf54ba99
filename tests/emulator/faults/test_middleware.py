"""Three ways to ask for a fault, how often it happens, and the error for a name that does not exist."""

import re

import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.faults import FAULTS, UnknownFaultError, parse


def asked(emulator: Emulator, client: httpx.Client, **headers: str) -> int:
    body = {"messages": [{"role": "user", "content": "hello"}]}
    return client.post(emulator.chat_url, json=body, headers={"Authorization": emulator.key, **headers}).status_code


def test_the_next_request_fails(own_emulator: Emulator, client: httpx.Client) -> None:
    own_emulator.fail("unavailable")
    assert [asked(own_emulator, client) for _ in range(3)] == [503, 200, 200]


def test_some_requests_fail_one_fault_after_the_other(own_emulator: Emulator, client: httpx.Client) -> None:
    own_emulator.fail("rate-limit:1", times=2)
    own_emulator.fail("server-error")
    assert [asked(own_emulator, client) for _ in range(4)] == [429, 429, 500, 200]


def test_all_requests_fail_until_it_heals(own_emulator: Emulator, client: httpx.Client) -> None:
    own_emulator.fail("too-many-pending", times=None)
    assert [asked(own_emulator, client) for _ in range(3)] == [429, 429, 429]
    own_emulator.heal()
    assert asked(own_emulator, client) == 200


def test_a_header_is_for_one_request_and_leaves_the_queue_alone(own_emulator: Emulator, client: httpx.Client) -> None:
    own_emulator.fail("unavailable")
    assert asked(own_emulator, client, **{"x-emulator-fault": "forbidden"}) == 403
    assert [asked(own_emulator, client) for _ in range(2)] == [503, 200]


def test_only_questions_to_the_model_use_the_queue_up(own_emulator: Emulator, client: httpx.Client) -> None:
    own_emulator.fail("unavailable")
    assert client.get(own_emulator.base_url).status_code == 200
    assert client.get(own_emulator.base_url, headers={"x-emulator-fault": "forbidden"}).status_code == 403
    assert asked(own_emulator, client) == 503


@pytest.mark.parametrize("profile", ["dedicated", "foundry"])
def test_every_route_can_fail(client: httpx.Client, profile: str) -> None:
    with Emulator(profile, token_delay=0) as emulator:
        emulator.fail("model-error", times=2)
        urls = [emulator.chat_url, emulator.score_url if profile == "dedicated" else emulator.chat_url]
        assert [client.post(url, json={}).status_code for url in urls] == [424, 424]


@pytest.mark.parametrize(
    ("notation", "message"),
    [
        ("rate-limits", "There is no fault 'rate-limits'. Did you mean rate-limit or "),
        ("cut-after-event:2", "Did you mean cut-after-events"),
        ("zzzzzz", "There is no fault 'zzzzzz'. --list-faults shows them all."),
        ("", "There is no fault ''."),
        ("crlf,", "There is no fault ''."),
        ("crlf:2", "The fault crlf takes no value."),
        ("cut-after-events:-1", "The value of cut-after-events is a whole number, like 2, not '-1'."),
        ("cut-after-events:1.5", "is a whole number, like 2, not '1.5'."),
        ("delay:soon", "The value of delay is a number of seconds, like 1, not 'soon'."),
        ("delay:nan", "not 'nan'"),
        ("rate-limit:inf", "not 'inf'"),
    ],
)
def test_what_cannot_be_asked_for(emulator: Emulator, client: httpx.Client, notation: str, message: str) -> None:
    with pytest.raises(UnknownFaultError, match=re.escape(message)):
        emulator.fail(notation)
    reply = client.post(emulator.chat_url, json={}, headers={"x-emulator-fault": notation})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "unknown_fault"
    assert message in reply.json()["error"]["message"]


def test_a_notation_is_read_with_blanks_and_colons_in_values() -> None:
    first, second = parse(" delay:0.5 , redirect:http://a:1/b ")
    assert (first.name, first.value) == ("delay", 0.5)
    assert (second.name, second.value) == ("redirect", "http://a:1/b")


def test_names_and_lines_read_well() -> None:
    for name, fault in FAULTS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)
        assert not fault.about.endswith(".")
        assert len(fault.about) < 100
