"""Shared by all tests: the real third-party servers, and the rule that CI skips nothing."""

import gc
import os
from operator import itemgetter

import pytest
from hypothesis import HealthCheck, settings

from tests.seeds import documents

pytest_plugins = ["tests.third_party.fixtures", "tests.support.made_tables"]

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SEEDS = "needs_seed_documents"
EXHAUSTIVE = "exhaustive"


MARKERS = {
    "browser": "needs Chromium",
    "install": "installs other people's servers or a Space's environment",
    "process": "starts the application as a process",
    "page": "builds the application's page, which takes Gradio a second",
    "postgres": "needs a PostgreSQL server; most of these run on SQLite, too",
    "slow": "takes seconds by itself",
    "quick": "none of these: what runs while one works",
    SEEDS: "runs documents that are no part of this project",
    EXHAUSTIVE: "one of very many of its sort: runs where -m names it, as `python -m tests.faults` does",
}

LOOKS = {
    "test_branding.py",
    "test_drafts.py",
    "test_fallback.py",
    "test_following.py",
    "test_house_rules.py",
    "test_keyless.py",
    "test_limits.py",
    "test_memory.py",
    "test_options.py",
    "test_small_windows.py",
}
"""Files of which a plain run shows a browser the first test only: minutes of looking at sides of one thing."""

SLOW = {"browser", "install", "process", "page", "postgres", "slow", EXHAUSTIVE}

WAITING = {"browser", "install", "process"}
"""Markers of tests that wait for another process more than they compute."""

SECONDS = {"timeout": 40, "slow": 30, "install": 20, "browser": 8, "process": 5, "page": 1, "postgres": 1}
"""Of a test with this marker, as a busy machine takes them."""

ASKED_FOR = {"browser": "browser", "third_party_cache": "install", "postgres": "postgres"}
"""Fixtures, and the marker of a test that asks for them."""

USED = {"process": {"AppProcess", "several", "refused"}, "page": {"serving", "application"}}
"""Names of tests.support that start the application as a process, or build its page, by the marker of who uses them."""


def pytest_configure(config):
    for name, what in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {what}")


def pytest_collection_modifyitems(config, items):
    """Mark what takes long by what it asks for, so that a quick run can leave it out; leave the very many out."""
    for item in further_looks(items):
        item.add_marker(EXHAUSTIVE)
    if EXHAUSTIVE not in config.getoption("markexpr"):
        left_out = [item for item in items if item.get_closest_marker(EXHAUSTIVE)]
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        for name in ASKED_FOR.keys() & set(item.fixturenames):
            item.add_marker(ASKED_FOR[name])
        # What a database is asked for by its name in a parameter is no fixture that pytest knows of by now.
        if hasattr(item, "callspec") and "postgresql" in item.callspec.params.values():
            item.add_marker("postgres")
        used = names_used(item)
        for name, names in USED.items():
            if not names.isdisjoint(used):
                item.add_marker(name)
        if not SLOW & {mark.name for mark in item.iter_markers()}:
            item.add_marker("quick")
    items[:] = mixed(items)


def mixed(items):
    """Return the files of tests that wait much among those that compute, what installs first, what takes long early.

    Where several run at a time, not all of them drive a browser then, and the last to run are short.
    """
    files = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    marks = {path: {mark.name for test in tests for mark in test.iter_markers()} for path, tests in files.items()}
    in_order = sorted(files, key=lambda path: ("install" not in marks[path], -seconds_of(files[path])))
    waiting, computing = [], []
    for path in in_order:
        (waiting if marks[path] & WAITING else computing).append(files[path])
    places = [
        ((number + 1) / (len(several) + 1), tests)
        for several in (waiting, computing)
        for number, tests in enumerate(several)
    ]
    return [test for _, tests in sorted(places, key=itemgetter(0)) for test in tests]


def seconds_of(tests):
    """Return how long tests take, very roughly; who asks for more time than others takes longest."""
    return sum(max(SECONDS.get(mark.name, 0.1) for mark in test.iter_markers()) for test in tests)


def further_looks(items):
    """Yield all but one of the cases of a browser test: more sizes, languages, errors.

    What one of two tests shows first, the other one shows last: so each file is seen on a desktop and on a phone.
    """
    files = {}
    for item in items:
        if "browser" in item.fixturenames:
            files.setdefault(item.path, {}).setdefault(item.originalname, []).append(item)
    for path, cases in files.items():
        for number, several in enumerate(cases.values()):
            seen = several[0] if number % 2 == 0 else several[-1]
            yield from (item for item in several if item is not seen or (path.name in LOOKS and number))


def names_used(item):
    """Return the names that a test's file has, and those that its fixtures use."""
    fixtures = (definition[-1].func for definition in item._fixtureinfo.name2fixturedefs.values())
    used = {name for fixture in fixtures for name in getattr(fixture, "__code__", pytest_configure.__code__).co_names}
    return used | vars(item.module).keys()


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Have Python's collector look at what tests make, and not each time at the tests, ten thousand of them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if lacks_its_documents(item):
        pytest.skip(f"no seed documents in {documents.DIRECTORY}; SEED_DOCUMENTS may name another directory")


def lacks_its_documents(item):
    return item.get_closest_marker(SEEDS) is not None and not documents.present()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where CI is set, a test that was skipped did not do its work: that is a failure.

    Save for those that run the seed documents: a clean checkout has none, and tests of our own cover what they use.
    And for two of LangChain's own suite that it skips by itself: for recorded traffic, and for models in its own list.
    """
    outcome = yield
    report = outcome.get_result()
    excused = hasattr(report, "wasxfail") or lacks_its_documents(item) or "langchain_tests" in str(report.longrepr)
    if report.skipped and os.environ.get("CI") and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {report.longrepr}"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """What the machine happens to have set must not change what a test sees."""
    for name in os.environ:
        if name.startswith(("AZUREML_", "CHATBOT_", "GRADIO_", "LANGSMITH_", "LANGCHAIN_", "OTEL_")):
            monkeypatch.delenv(name)
