"""Shared by all tests: the real third-party servers, and the rule that CI skips nothing."""

import os

import pytest

pytest_plugins = ["tests.third_party.fixtures"]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where CI is set, a test that was skipped did not do its work: that is a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {report.longrepr}"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """What the machine happens to have set must not change what a test sees."""
    for name in os.environ:
        if name.startswith(("AZUREML_", "CHATBOT_", "GRADIO_", "LANGSMITH_", "LANGCHAIN_")):
            monkeypatch.delenv(name)
