"""requirements.lock is what requirements.txt allows, whole, and knows every file by its hash. Asks no network."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MEND = "run: bash .ci/lock"

ENTRIES = [each.replace("\\\n", " ") for each in re.findall(r"^[a-zA-Z](?:.*\\\n)*.*$", LOCK, re.MULTILINE)]
PINNED = [Requirement(re.split(r"\s+--hash", each)[0].split(" #")[0].strip()) for each in ENTRIES]
VERSIONS = {
    canonicalize_name(each.name): next(iter(each.specifier)).version
    for each in PINNED
    if each.marker is None or each.marker.evaluate()
}


def ranges():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.split("==")[0])
def test_every_package_is_pinned_with_the_hashes_of_its_files(entry):
    assert re.match(r"[\w.-]+==[\w.!+]+ ", entry), "not pinned"
    assert re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)


def test_no_index_and_no_address_stands_in_it():
    assert "://" not in LOCK
    assert "--index" not in LOCK
    assert "--find-links" not in LOCK
    assert set(re.findall(r"--[a-z-]+", LOCK)) == {"--hash", "--require-hashes"}


@pytest.mark.parametrize("wanted", ranges(), ids=str)
def test_every_range_is_kept(wanted):
    version = VERSIONS.get(canonicalize_name(wanted.name))
    assert version is not None, MEND
    assert wanted.specifier.contains(version, prereleases=True), MEND


def test_it_is_whole():
    """What the packages need that are installed here as they are pinned is pinned too, and fits."""
    names = {canonicalize_name(each.name) for each in ranges()}
    compared = 0
    todo = [*ranges()]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        version = VERSIONS.get(name)
        assert version is not None, f"{wanted} is not in it; {MEND}"
        assert wanted.specifier.contains(version, prereleases=True), f"{wanted} is not kept; {MEND}"
        try:
            needed = metadata.distribution(wanted.name)
        except metadata.PackageNotFoundError:
            continue
        if needed.version != version:
            continue
        compared += 1
        for text in needed.requires or ():
            each = Requirement(text)
            holds = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*wanted.extras, ""))
            if holds and canonicalize_name(each.name) not in names:
                names.add(canonicalize_name(each.name))
                todo.append(each)
    assert compared > 10, "the packages that are installed are others altogether"


def test_the_command_that_makes_it_is_the_one_it_names():
    assert LOCK.startswith("# Made from requirements.txt by `bash .ci/lock`.")
    assert (ROOT / ".ci" / "lock").is_file()
