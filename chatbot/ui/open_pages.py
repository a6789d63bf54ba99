"""The pages that are open: what each shows, and whether an answer is being drawn on it."""

from __future__ import annotations

import asyncio

import gradio as gr

from chatbot.conversation import Conversation, ConversationService
from chatbot.conversation.view import SHOWN_TURNS
from chatbot.ui.language import Language, language_of
from chatbot.ui.visitor import owner_of


class Watch:
    """A page that draws a growing answer, until the answer ends or the page turns to something else."""

    def __init__(self) -> None:
        self.leaving = False
        self.left = asyncio.Event()


class Page:
    """One open page.

    Attributes:
        owner: Who looks at it.
        conversation: What it shows, as it last saw it.
        watch: Set while an answer is drawn on it.
        limit: How many turns it shows.
        search: What its list of conversations is searched for.
        deleted: The conversation that was deleted on it last.
        typed: What stands in its box, as far as is known.
        asked: What was sent from it last: a keystroke of it that arrives late mentions nothing new.
        say: What it says, in the visitor's language.
        choosing: Held while an option is changed: what is asked meanwhile waits for it.
        dismissed: Indices of the turns that the visitor left out although the question mentions them.
    """

    def __init__(self, owner: str, conversation: Conversation, say: Language) -> None:
        self.owner = owner
        self.say = say
        self.conversation = conversation
        self.watch: Watch | None = None
        self.limit = SHOWN_TURNS
        self.search = ""
        self.deleted: Conversation | None = None
        self.typed = ""
        self.asked = ""
        self.choosing = asyncio.Lock()
        self.dismissed: set[int] = set()

    def turn_to(self, conversation: Conversation) -> None:
        """Show another conversation."""
        self.conversation = conversation
        self.limit = SHOWN_TURNS
        self.dismissed.clear()

    def asks(self, text: str) -> None:
        """Send a question: what was decided about mentioning turns was decided for it."""
        self.asked = text
        self.dismissed.clear()


class OpenPages:
    """What every open page shows.

    It is known here and not in Gradio's session state, because a visitor may be quicker than the page: a message sent
    before the page has loaded must meet the same conversation as the loading does.
    """

    def __init__(self, service: ConversationService) -> None:
        self._service = service
        self._pages: dict[tuple[str, str | None], Page] = {}

    async def of(self, request: gr.Request) -> Page:
        """Return the page a request comes from; a new one shows the visitor's latest conversation."""
        key = _key(request)
        if key not in self._pages:
            latest = await self._service.latest(owner_of(request))
            # Another event of the same page may have been here in the meantime: the first one decides.
            self._pages.setdefault(key, Page(owner_of(request), latest, language_of(request)))
        return self._pages[key]

    def is_watching(self, request: gr.Request) -> bool:
        """Say whether an answer is drawn on the page a request comes from."""
        page = self._pages.get(_key(request))
        return page is not None and page.watch is not None

    async def close(self, request: gr.Request) -> None:
        """Forget a page that was closed or reloaded. An answer in it is written to its end all the same."""
        page = self._pages.pop(_key(request), None)
        if page is not None:
            await self.turn_away(page)

    async def turn_away(self, page: Page) -> None:
        """Draw no further on a page, and return when nothing does."""
        if page.watch is not None:
            page.watch.leaving = True
            self._service.nudge(page.conversation)
            await page.watch.left.wait()


def _key(request: gr.Request) -> tuple[str, str | None]:
    # With the owner: Gradio's session hash is made up by the page, and whoever knows one could claim it.
    return owner_of(request), request.session_hash
