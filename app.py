"""The composition root: settings to objects to a served page. The only file that knows every room."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.azureml.surfaces import resolve
from chatbot.conversation import ConversationService, ConversationStore, WindowMemory
from chatbot.emulator import Emulator
from chatbot.settings import Settings, SettingsError
from chatbot.ui import Endpoint, build_page, serve

CANNOT_START: Final = 2


def main() -> int:
    """Start the application; return the exit code of the process."""
    try:
        settings = Settings.load(checks={"endpoint_url": _check_endpoint, "store_url": _check_store})
    except SettingsError as error:
        print("The application cannot start with these settings:", *error.problems, sep="\n  - ", file=sys.stderr)
        return CANNOT_START
    # Ending a container is ending a process: finish like Ctrl-C, with what there is of every answer kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        endpoint, model = _model(settings, stack)
        store = ConversationStore(settings.store_url.get_secret_value())
        memory = WindowMemory(settings.memory_turns, settings.token_budget, settings.system_prompt)
        service = ConversationService(model, store, memory)

        @asynccontextmanager
        async def lifespan(_: Any) -> AsyncIterator[None]:
            yield
            await service.aclose()
            await store.aclose()
            await model.aclose()

        page = build_page(service, title=settings.title, endpoint=endpoint)
        try:
            serve(page, host=settings.host, port=settings.port or None, lifespan=lifespan)
        except OSError as error:
            print(f"The application cannot listen on {settings.host}:{settings.port}: {error}", file=sys.stderr)
            return CANNOT_START
    return 0


def _model(settings: Settings, stack: ExitStack) -> tuple[Endpoint, AzureMLChatOnlineEndpoint]:
    """The chat model behind the configured endpoint; with none configured, behind the demo endpoint."""
    if settings.endpoint_url is not None and settings.endpoint_api_key is not None:
        url, key, name, is_demo = settings.endpoint_url, settings.endpoint_api_key.get_secret_value(), "", False
        name = urlsplit(url).netloc
    else:
        emulator = stack.enter_context(Emulator(token_delay=settings.demo_token_delay))
        url, key, name, is_demo = emulator.chat_url, emulator.key, "Demo endpoint", True
    parameters = {
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "top_p": settings.top_p,
    }
    model = AzureMLChatOnlineEndpoint(
        endpoint_url=url,
        endpoint_api_key=key,
        endpoint_api_type=settings.endpoint_api_type,
        deployment_name=settings.deployment_name,
        timeout=settings.timeout,
        model_kwargs={name: value for name, value in parameters.items() if value is not None},
    )
    return Endpoint(name, is_demo), model


def _check_endpoint(values: Mapping[str, str]) -> None:
    resolve(values["endpoint_url"], values["endpoint_api_type"])


def _check_store(values: Mapping[str, str]) -> None:
    asyncio.run(ConversationStore(values["store_url"]).check())


if __name__ == "__main__":
    sys.exit(main())
