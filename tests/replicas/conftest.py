"""Two processes as an operator runs them: one PostgreSQL database, one endpoint, nginx in front."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from chatbot.emulator import Emulator
from tests.conversation.conftest import postgres
from tests.replicas.nginx import Nginx, executable, free_port
from tests.support.app_process import AppProcess
from tests.ui.conftest import browser, visit

__all__ = ["browser", "postgres", "visit"]


@pytest.fixture
def free_contexts():
    """None to be used again: where a visitor is served depends on what their browser has of an earlier one."""
    return []


class Replicas:
    """The processes, and the nginx before them."""

    def __init__(self, processes: list[AppProcess], nginx: Nginx) -> None:
        self.processes = processes
        self.nginx = nginx
        self.url = nginx.url
        self._dead: list[AppProcess] = []

    def kill(self, process: AppProcess) -> None:
        """End one with SIGKILL."""
        process.kill()
        self._dead.append(process)

    def revive(self) -> None:
        """Start those that were killed."""
        while self._dead:
            self._dead.pop().start()

    def serving(self) -> AppProcess:
        """Return the one that took the newest message of a page."""
        newest = [replica for path, replica in self.nginx.served() if path.endswith("/chat/send")][-1]
        return next(process for process in self.processes if urlsplit(process.url).netloc == newest)


@pytest.fixture(scope="session")
def endpoint():
    """One endpoint for both processes; it takes its time, so that an answer can be met in the middle."""
    with Emulator(token_delay=0.02) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def both(endpoint, postgres, tmp_path_factory: pytest.TempPathFactory):
    executable()
    settings = {
        "AZUREML_ENDPOINT_URL": endpoint.chat_url,
        "AZUREML_ENDPOINT_API_KEY": endpoint.key,
        "CHATBOT_STORE_URL": postgres.render_as_string(hide_password=False),
    }
    processes = [
        AppProcess(tmp_path_factory.mktemp(name), {**settings, "CHATBOT_PORT": str(free_port())})
        for name in ("first", "second")
    ]
    with processes[0] as first, processes[1] as second:
        addresses = [urlsplit(process.url).netloc for process in (first, second)]
        with Nginx(tmp_path_factory.mktemp("nginx"), addresses) as nginx:
            yield Replicas(processes, nginx)


@pytest.fixture
def replicas(both):
    """Both processes, alive."""
    both.revive()
    return both
