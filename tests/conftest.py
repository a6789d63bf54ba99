"""Shared by all tests: the real third-party servers, and the rule that CI skips nothing."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.seeds import documents

pytest_plugins = ["tests.third_party.fixtures"]

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SEEDS = "needs_seed_documents"


MARKERS = {
    "browser": "needs Chromium",
    "install": "installs other people's servers or a Space's environment",
    SEEDS: "runs documents that are no part of this project",
}


def pytest_configure(config):
    for name, what in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {what}")


def pytest_collection_modifyitems(items):
    """Mark what takes long by what it asks for, so that a quick run can leave it out."""
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker("browser")
        if "third_party_cache" in item.fixturenames:
            item.add_marker("install")


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
        if name.startswith(("AZUREML_", "CHATBOT_", "GRADIO_", "LANGSMITH_", "LANGCHAIN_")):
            monkeypatch.delenv(name)
