"""Whatever is pasted is read without a failure, and what is read of it is no secret's second home."""

from hypothesis import given
from hypothesis import strategies as st

from chatbot.doctor.paste import read_key, read_paste
from tests.doctor.conftest import HOSTS, KEY

PIECES = st.sampled_from(
    [
        *(f"https://{host}" for host in HOSTS.values()),
        *HOSTS.values(),
        *(
            "/score",
            "/v1/chat/completions",
            "?api-version=2024-10-21",
            "#",
            "@",
            ":",
            "://",
            "//",
            "[",
            "]",
            "{",
            "}",
            "%",
        ),
        *(
            "curl ",
            "-H ",
            "Authorization: Bearer ",
            "api-key: ",
            '"',
            "'",
            "\\",
            "\n",
            " ",
            "=",
            "<your-key>",
            "\u200b",
        ),
        *(
            "AZUREML_ENDPOINT_URL=",
            '{"scoring_uri": "',
            "https://ml.azure.com/endpoints/realtime/chat",
            "/accounts/a",
            KEY,
        ),
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join))
def test_no_paste_is_too_odd(text):
    paste = read_paste(text)
    assert paste.url or any(each.stops for each in paste.findings)
    read_key(text)
    assert KEY not in repr(paste) or KEY in paste.url


@given(st.text(max_size=40))
def test_no_text_is_too_odd(text):
    read_paste(text)
    read_key(text)
