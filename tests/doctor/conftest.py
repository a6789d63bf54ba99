"""Endpoints of every kind behind the host names that Azure has, reached through a proxy: no test asks the real ones."""

import socket
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import trustme

from chatbot.emulator import Emulator
from tests.support.relay import Proxy, TLSFront

KEY = "Zk3v9QmT7xLw2RbN8sYc5DfG1hJp6KaU"

HOSTS = {
    "dedicated": "chat.westeurope.inference.ml.azure.com",
    "serverless": "llama.swedencentral.models.ai.azure.com",
    "foundry": "contoso.services.ai.azure.com",
    "azure-openai": "contoso.openai.azure.com",
}


@pytest.fixture(scope="module")
def azure(tmp_path_factory):
    """The emulator as each kind of endpoint, with TLS, under a name of Azure's; ``proxy`` leads to them."""
    authority = trustme.CA()
    bundle = tmp_path_factory.mktemp("authority") / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    with ExitStack() as stack:
        emulators, fronts = {}, {}
        for profile, host in HOSTS.items():
            emulators[profile] = stack.enter_context(Emulator(profile, key=KEY, token_delay=0.002))
            front = TLSFront(SimpleNamespace(url=emulators[profile].base_url), authority.issue_cert(host))
            fronts[host] = stack.enter_context(front)
        proxy = stack.enter_context(Proxy({}, tunnels=fronts))
        yield SimpleNamespace(emulators=emulators, fronts=fronts, proxy=proxy, bundle=bundle)


@pytest.fixture
def through_proxy(azure, monkeypatch, tmp_path):
    """Reach Azure's names through the proxy, trust its authority, and begin in an empty folder."""
    for each in azure.emulators.values():
        each.heal()
    monkeypatch.setenv("HTTPS_PROXY", azure.proxy.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.bundle))
    monkeypatch.chdir(tmp_path)
    return azure


@pytest.fixture
def names(monkeypatch):
    """A name service that knows what is in the set that it yields, at the loopback, and addresses."""
    known, ask = set(), socket.getaddrinfo

    def getaddrinfo(host, *arguments, **named):
        if host in known:
            return ask("127.0.0.1", *arguments, **named)
        if isinstance(host, str) and host.replace(".", "").isdigit():
            return ask(host, *arguments, **named)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known
