"""docs/accessibility.md goes through every criterion, and names no test that is not there."""

import re
from pathlib import Path

import pytest

from tests.support.named_tests import exists

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "accessibility.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d\.\d\.\d+) [^|]+ \| (A|AA) \| (yes|in part|no|none) \|(.*)\|$", PAGE, re.M)
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE)))

# Of levels A and AA in WCAG 2.2, which has dropped 4.1.1.
CRITERIA = {
    *(f"1.2.{number}" for number in range(1, 6)),
    *(f"1.3.{number}" for number in range(1, 6)),
    *(f"1.4.{number}" for number in (1, 2, 3, 4, 5, 10, 11, 12, 13)),
    *(f"2.4.{number}" for number in (1, 2, 3, 4, 5, 6, 7, 11)),
    *(f"2.5.{number}" for number in (1, 2, 3, 4, 7, 8)),
    *(f"3.2.{number}" for number in (1, 2, 3, 4, 6)),
    *(f"3.3.{number}" for number in (1, 2, 3, 4, 7, 8)),
    *("1.1.1", "2.1.1", "2.1.2", "2.1.4", "2.2.1", "2.2.2", "2.3.1", "3.1.1", "3.1.2", "4.1.2", "4.1.3"),
}


def test_every_criterion_is_gone_through_once():
    assert sorted(criterion for criterion, *_ in ROWS) == sorted(CRITERIA)
    assert len(CRITERIA) == 55


@pytest.mark.parametrize(("criterion", "held", "how"), [(row[0], row[2], row[3]) for row in ROWS])
def test_what_is_held_has_a_test_and_what_is_not_says_why(criterion, held, how):
    if held == "yes":
        assert any(f"`{named}`" in how for named in NAMED), criterion
    elif held != "none":
        assert len(how.split()) > 8, criterion


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_exists(named):
    assert exists(named)


def test_no_test_is_named_in_another_way():
    assert set(NAMED) == {each.strip("`") for each in re.findall(r"`tests/[^`]+`", PAGE)}
