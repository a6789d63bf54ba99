"""SECURITY.md promises nothing that no test holds it to."""

import re
from pathlib import Path

import pytest

from tests.support.named_tests import exists

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = re.findall(
    r"^- (.+(?:\n  .+)*)", PAGE.split("## What is promised")[1].split("## What is not promised")[0], re.M
)
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)+)`", PAGE)))


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_exists(named):
    assert exists(named)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[:40])
def test_every_promise_has_a_test(promise):
    assert any(each in promise for each in NAMED)


def test_the_page_promises_something():
    assert len(PROMISES) > 20
    assert len(NAMED) == len(set(re.findall(r"tests/[^\s`]+", PAGE)))
