"""A real nginx with the configuration that docs/operating.md gives to operators; only the addresses are the test's."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.app_process import ROOT

# Debian keeps it where only root looks.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

DOCUMENTED = ("127.0.0.1:7861", "127.0.0.1:7862")

MAIN = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    log_format test '$uri\t$http_user_agent\t$upstream_addr';
    access_log {folder}/access.log test;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/chatbot.conf;
}}
"""


class Nginx:
    """One running nginx; a context manager.

    Args:
        folder: For its files.
        replicas: Host and port of the two processes behind it.
    """

    def __init__(self, folder: Path, replicas: Sequence[str]) -> None:
        self._folder = folder
        self._address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self._address}/"
        # As root its workers would be somebody else, who may not enter the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user), encoding="utf-8")
        (folder / "chatbot.conf").write_text(configuration(self._address, replicas), encoding="utf-8")

    def __enter__(self) -> Nginx:
        command = [executable(), "-e", "stderr", "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while not listens(self._address):
            if self._process.poll() is not None:
                raise RuntimeError(f"nginx did not start: {self._process.communicate()[1]}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

    @property
    def pid(self) -> int:
        """The number of the process whose children do the work."""
        return self._process.pid

    def served(self, browser: str | None = None) -> list[tuple[str, str]]:
        """Return path and replica of every request that has ended, in that order.

        A page's stream ends some time after the page: what others left open ends among the requests of a test.

        Args:
            browser: Only the requests of those who call themselves so.
        """
        lines = [line.split("\t") for line in (self._folder / "access.log").read_text(encoding="utf-8").splitlines()]
        # Where a replica was dead there are several: the last one answered.
        return [(path, replicas.split(", ")[-1]) for path, name, replicas in lines if browser in (name, None)]


def executable() -> str:
    """Return the path of nginx; without one, the test is skipped."""
    found = shutil.which("nginx", path=PLACES)
    if found is None:
        pytest.skip("the tests of several processes need nginx (Debian and Ubuntu: apt-get install nginx)")
    return found


def configuration(address: str, replicas: Sequence[str]) -> str:
    """Return the document's configuration for these addresses."""
    document = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```nginx\n(.+?)```", document, re.DOTALL)
    for old, new in (("listen 80;", f"listen {address};"), *zip(DOCUMENTED, replicas, strict=True)):
        assert text.count(old) == 1, f"docs/operating.md names {old!r} not once"
        text = text.replace(old, new)
    return text


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
