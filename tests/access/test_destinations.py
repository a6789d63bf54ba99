"""Where one goes after signing in: nowhere else, however it is written."""

import pytest

from chatbot.access.destinations import local_path

ELSEWHERE = (
    "//evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "/\r\nlocation: https://evil.example",
    "/%2fevil.example",
    "/%2F%2Fevil.example",
    "/%5cevil.example",
    "/%252fevil.example",
    "/%09/evil.example",
    "/%0a%0dx",
    "/a//evil.example",
    "https:evil.example",
    "https://evil.example",
    "HTTPS:/evil.example",
    "javascript:alert(1)",
    "evil.example",
    "@evil.example",
    "//user@evil.example",
    "/\x00/evil.example",
    "/\x85/evil.example",
    " //evil.example",
    "",
)


@pytest.mark.parametrize("wish", ELSEWHERE)
def test_what_could_lead_elsewhere_leads_home(wish):
    assert local_path(wish) == "/"


@pytest.mark.parametrize("wish", ["/", "/?__theme=dark", "/usage", "/a/b?c=d&e=%20f", "/?next=//there", "/é"])
def test_a_page_of_this_server_is_what_was_wished_for(wish):
    assert local_path(wish) == wish
