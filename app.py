"""The composition root: settings to objects to a served page. The only file that knows every room."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Final
from urllib.parse import urlsplit

from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLEndpointApiType
from chatbot.azureml.surfaces import resolve
from chatbot.conversation import ConversationService, ConversationStore, WindowMemory
from chatbot.emulator import Emulator
from chatbot.settings import Settings, SettingsError, variable
from chatbot.ui import Endpoint, build_page, serving

CANNOT_START: Final = 2


def main() -> int:
    """Start the application; return the exit code of the process."""
    try:
        settings = Settings.load(checks={"endpoint_url": _check_endpoint, "store_url": _check_store})
    except SettingsError as error:
        print("The application cannot start with these settings:", *error.problems, sep="\n  - ", file=sys.stderr)
        return CANNOT_START
    with ExitStack() as stack:
        endpoint, model = _model(settings, stack)
        store = ConversationStore(settings.store_url.get_secret_value())
        memory = WindowMemory(
            settings.memory_turns,
            settings.token_budget,
            settings.system_prompt,
            answer_tokens=settings.max_tokens,
        )
        service = ConversationService(model, store, memory)

        async def close() -> None:
            await service.aclose()
            await store.aclose()
            await model.aclose()

        page = build_page(service, title=settings.title, endpoint=endpoint, keeps=settings.keeps_conversations)
        try:
            address = stack.enter_context(
                serving(page, host=settings.host, port=settings.port, on_close=close, on_zero_gpu=settings.zero_gpu)
            )
        except OSError:
            print(
                f"The application cannot listen on {settings.host}:{settings.port}. Is another program using the "
                "port? Set CHATBOT_PORT to another one; 0 takes any that is free.",
                file=sys.stderr,
            )
            return CANNOT_START
        # What is there by now stays: without this, every full collection looks at it all and pauses every answer.
        gc.freeze()
        print(f"{settings.title} is at {address} (answers come from: {endpoint.name}). Ctrl-C ends it.", flush=True)
        _wait_for_the_end()
    return 0


def _wait_for_the_end() -> None:
    """Return on Ctrl-C, and on SIGTERM alike: that is how a container is told to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)
    # Told twice, it still finishes keeping what there is of every answer.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _model(settings: Settings, stack: ExitStack) -> tuple[Endpoint, AzureMLChatOnlineEndpoint]:
    """The chat model behind the configured endpoint; with none configured, behind the demo endpoint."""
    if settings.endpoint_url is not None and settings.endpoint_api_key is not None:
        url, key = settings.endpoint_url, settings.endpoint_api_key.get_secret_value()
        endpoint = Endpoint(urlsplit(url).hostname or url, is_demo=False)
    else:
        emulator = stack.enter_context(Emulator(token_delay=settings.demo_token_delay))
        url, key = emulator.chat_url, emulator.key
        endpoint = Endpoint("Demo endpoint", is_demo=True)
    parameters = {
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "top_p": settings.top_p,
    }
    model = AzureMLChatOnlineEndpoint(
        endpoint_url=url,
        endpoint_api_key=key,
        endpoint_api_type=_api_type(settings),
        deployment_name=settings.deployment_name,
        timeout=settings.timeout,
        model_kwargs={name: value for name, value in parameters.items() if value is not None},
    )
    return endpoint, model


def _api_type(settings: Settings) -> AzureMLEndpointApiType | None:
    return AzureMLEndpointApiType(settings.endpoint_api_type) if settings.endpoint_api_type else None


def _check_endpoint(values: Mapping[str, str]) -> None:
    if resolve(values["endpoint_url"], values["endpoint_api_type"]).needs_model and not values["deployment_name"]:
        name = variable("deployment_name")
        raise ValueError(f"several deployments answer at this URL; set {name} to the name of yours")


def _check_store(values: Mapping[str, str]) -> None:
    asyncio.run(ConversationStore(values["store_url"]).check())


if __name__ == "__main__":
    sys.exit(main())
