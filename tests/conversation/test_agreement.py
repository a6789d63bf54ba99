"""Whatever a visitor does, in whatever order, and whatever happens to the process: page, store and request agree.

A small model of what the visitor should see is kept beside the real service on a real database, and compared with it
after each step.
"""

import asyncio
import sqlite3
import tempfile
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from langchain_core.exceptions import ModelInvalidRequestError, ModelRateLimitError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chatbot.conversation import (
    ConversationBusyError,
    ConversationConflictError,
    ConversationService,
    ConversationStore,
    Options,
    TurnMemory,
    TurnStatus,
    WindowMemory,
)
from chatbot.conversation.context.messages import NO_ANSWER
from tests.conversation.conversing import say, service_of, until
from tests.support.scripted_model import ScriptedModel

SYSTEM = "Be brief."


class FilterError(ModelInvalidRequestError):
    filter_results = {"violence": {"filtered": True}}  # noqa: RUF012


ENDS = {
    "complete": (None, TurnStatus.COMPLETE),
    "fails": (ModelRateLimitError("Too many."), TurnStatus.FAILED),
    "is blocked": (FilterError("Blocked."), TurnStatus.FAILED),
}


class Process:
    """The application in a process: an event loop, a store, a service. It stands still between two calls."""

    def __init__(self, file: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.model = ScriptedModel()
        self.store = ConversationStore(f"sqlite:///{file}")
        self.service = service_of(self.model, self.store, WindowMemory(3, system_prompt=SYSTEM))

    def run(self, coroutine):
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, 30))

    def end(self) -> None:
        self.run(self.service.aclose())
        self.run(self.store.aclose())
        self.loop.close()


@dataclass(frozen=True)
class Seen:
    """A turn as the visitor should see it."""

    index: int
    version: int
    parent: int | None
    question_text: str
    answer_text: str = ""
    status: TurnStatus = TurnStatus.STREAMING
    memory: TurnMemory = TurnMemory.AUTO

    @classmethod
    def of(cls, turn) -> "Seen":
        return cls(
            turn.index, turn.version, turn.parent, turn.question_text, turn.answer_text, turn.status, turn.memory
        )


class Visit(RuleBasedStateMachine):
    """One conversation of one visitor."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = f"{self.folder.name}/chat.db"
        self.process = Process(self.file)
        self.vanished: list[Process] = []
        self.page = self.process.service.begin("ada")
        self.stale = None
        self.k = 3
        self.tree: dict[tuple[int, int], Seen] = {}
        """Every turn that has ended, by index and version."""
        self.path: list[int] = []
        """The version that is shown, by index."""
        self.growing: Seen | None = None
        self.asked = 0

    def teardown(self) -> None:
        self.process.end()
        for process in self.vanished:
            # Whoever comes back from the dead finds that nobody waits for what it says.
            process.end()
        self.folder.cleanup()

    # ------------------------------------------------------------------------------------------ the model

    @property
    def shown(self) -> list[Seen]:
        return [self.tree[index, version] for index, version in enumerate(self.path)]

    @property
    def before(self) -> list[Seen]:
        return self.shown if self.growing is None else self.shown[: self.growing.index]

    def request(self, earlier: list[Seen], text: str) -> list:
        """What the model should be sent."""
        answered = [
            turn
            for turn in earlier
            if turn.memory is TurnMemory.AUTO and turn.answer_text and turn.status is not TurnStatus.FAILED
        ]
        pinned = [turn for turn in earlier if turn.memory is TurnMemory.PINNED]
        sent = [*pinned, *answered[-self.k :]] if self.k else []
        messages = [SystemMessage(SYSTEM)]
        for turn in sorted(sent, key=lambda turn: turn.index):
            messages += [HumanMessage(turn.question_text), AIMessage(turn.answer_text or NO_ANSWER)]
        return [*messages, HumanMessage(text)]

    def ended(self, status: TurnStatus, text: str) -> None:
        """The growing turn has ended so, with this text."""
        turn, self.growing = replace(self.growing, status=status, answer_text=text), None
        old = self.shown[turn.index] if turn.index < len(self.path) else None
        keeps = status is TurnStatus.COMPLETE or (status is TurnStatus.STOPPED and text)
        if old is None or not old.answer_text or keeps:
            self.tree[turn.index, turn.version] = turn
            self.path[turn.index :] = [turn.version]

    def refreshed(self) -> None:
        if self.page.revision:
            self.stale = self.page
        self.page = self.run(self.service.refresh(self.page))

    # ------------------------------------------------------------------------------------------ asking

    @property
    def service(self) -> ConversationService:
        return self.process.service

    def run(self, coroutine):
        return self.process.run(coroutine)

    def begin(self, at: int, words: str) -> None:
        """Ask at an index, stay until the words have come, and leave."""
        self.asked += 1
        text = f"question {self.asked}"
        if at == len(self.path):
            planned = self.run(self.service.view(self.page, text=text)).plan.messages
            assert planned == self.request(self.shown, text)
        if words:
            self.process.model.will_say(*words.split(" "), ends=False)
        self.run(self.stay(text, at, words.replace(" ", "")))
        assert self.process.model.asked[-1] == self.request(self.shown[:at], text)
        version = 1 + max((v for n, v in self.tree if n == at), default=-1)
        parent = self.path[at - 1] if at else None
        self.growing = Seen(at, version, parent, text, words.replace(" ", ""))
        self.refreshed()

    async def stay(self, text: str, at: int, words: str) -> None:
        requests = len(self.process.model.asked)
        reader = self.service.say(self.page, text, at=at)
        async for turn in reader:
            if turn.answer_text == words:
                break
        await reader.aclose()

        async def has_asked():
            return len(self.process.model.asked) > requests

        await until(has_asked)

    def finish(self, how: str, words: str) -> None:
        raised, status = ENDS[how]
        told = [*words.split(" "), *([raised] if raised else [])]
        self.process.model.will_say(*told)
        followed = self.run(self.follow())
        text = self.growing.answer_text + words.replace(" ", "")
        assert (followed.status, followed.answer_text) == (status, text)
        self.ended(status, text)

    async def follow(self):
        return [turn async for turn in self.service.follow(self.page)][-1]

    def somewhere(self, data, most: int) -> int:
        return data.draw(st.integers(0, most), "index")

    # ------------------------------------------------------------------------------------------ what happens

    @precondition(lambda self: self.growing is None)
    @rule(how=st.sampled_from(sorted(ENDS)), words=st.sampled_from(["yes", "so be it"]))
    def says(self, how, words):
        self.begin(len(self.path), "")
        self.finish(how, words)

    @precondition(lambda self: self.growing is None)
    @rule(words=st.sampled_from(["", "well", "well now"]))
    def says_and_leaves(self, words):
        self.begin(len(self.path), words)

    @precondition(lambda self: self.growing is None and self.path)
    @rule(data=st.data(), words=st.sampled_from(["", "or", "or else"]))
    def retries_or_edits(self, data, words):
        self.begin(self.somewhere(data, len(self.path) - 1), words)

    @precondition(lambda self: self.growing is not None)
    @rule(how=st.sampled_from(sorted(ENDS)), words=st.sampled_from(["", "the end"]))
    def the_answer_ends(self, how, words):
        self.finish(how, words)

    @precondition(lambda self: self.growing is not None)
    @rule()
    def stops(self):
        self.run(self.service.stop(self.page))
        self.ended(TurnStatus.STOPPED, self.growing.answer_text)

    @precondition(lambda self: self.growing is None and self.path)
    @rule(data=st.data())
    def undoes(self, data):
        to = self.somewhere(data, len(self.path) - 1)
        self.run(self.service.rewind(self.page, to))
        del self.path[to:]
        self.refreshed()

    @precondition(lambda self: self.growing is None and len(self.tree) > len(self.path) > 0)
    @rule(data=st.data())
    def flips(self, data):
        index = self.somewhere(data, len(self.path) - 1)
        version = data.draw(st.sampled_from(self.beside(index)), "version")
        self.run(self.service.select_version(self.page, index, version))
        self.path[index:] = [version]
        while followers := [
            turn.version for turn in self.tree.values() if (turn.index, turn.parent) == (len(self.path), self.path[-1])
        ]:
            self.path.append(max(followers))
        self.refreshed()

    @precondition(lambda self: self.before)
    @rule(data=st.data(), memory=st.sampled_from(TurnMemory))
    def marks(self, data, memory):
        index = self.somewhere(data, len(self.before) - 1)
        self.run(self.service.set_memory(self.page, index, memory))
        key = index, self.path[index]
        self.tree[key] = replace(self.tree[key], memory=memory)
        self.refreshed()

    @rule(k=st.sampled_from([0, 1, 3]))
    def changes_k(self, k):
        changed = self.service.choose(self.page, replace(self.page.options, k=k))
        self.page, self.stale = self.run(changed), self.page if self.page.revision else None
        self.k = k

    @rule()
    def the_server_restarts(self):
        self.process.end()
        if self.growing is not None:
            self.ended(TurnStatus.STOPPED, self.growing.answer_text)
        self.process = Process(self.file)

    @precondition(lambda self: self.growing is not None)
    @rule()
    def the_process_vanishes(self):
        """It stands still from now on, and its silence grows long."""
        self.vanished.append(self.process)
        with sqlite3.connect(self.file) as database:
            database.execute("UPDATE turns SET touched_at = touched_at - 3600 WHERE status = 'streaming'")
        database.close()
        self.process = Process(self.file)
        turn, self.growing = self.growing, None
        if turn.index == len(self.path):
            last = self.run(self.process.store.turns(self.page.id))[-1]
            assert turn.answer_text.startswith(last.answer_text)
            assert last.failure.kind == "Interrupted"
            self.path.append(turn.version)
            self.tree[turn.index, turn.version] = replace(turn, answer_text=last.answer_text, status=TurnStatus.FAILED)

    @precondition(lambda self: self.stale is not None and self.stale.revision < self.page.revision)
    @rule(data=st.data())
    def a_tab_that_has_not_seen_it_tries(self, data):
        attempts = {
            "say": lambda: say(self.service, self.stale, "from the other tab"),
            "rewind": lambda: self.service.rewind(self.stale, 0),
            "flip": lambda: self.service.select_version(self.stale, 0, 0),
            "mark": lambda: self.service.set_memory(self.stale, 0, TurnMemory.PINNED),
            "k": lambda: self.service.choose(self.stale, Options(k=7)),
        }
        with pytest.raises((ConversationConflictError, ConversationBusyError)):
            self.run(attempts[data.draw(st.sampled_from(sorted(attempts)), "what")]())

    @precondition(lambda self: self.growing is not None)
    @rule(data=st.data())
    def somebody_is_impatient(self, data):
        attempts = {
            "say": lambda: say(self.service, self.page, "and now?"),
            "retry": lambda: say(self.service, self.page, "again", 0),
            "rewind": lambda: self.service.rewind(self.page, 0),
            "flip": lambda: self.service.select_version(self.page, 0, 0),
        }
        with pytest.raises(ConversationBusyError):
            self.run(attempts[data.draw(st.sampled_from(sorted(attempts)), "what")]())

    # ------------------------------------------------------------------------------------------ what holds

    def beside(self, index: int) -> list[int]:
        parent = self.shown[index].parent
        return sorted(turn.version for turn in self.tree.values() if (turn.index, turn.parent) == (index, parent))

    @invariant()
    def page_store_and_list_agree(self):
        self.run(self.look())

    async def look(self):
        view, stored, listed = await asyncio.gather(
            self.service.view(self.page, limit=1000),
            self.process.store.everything(self.page.id),
            self.service.list("ada"),
        )
        self.the_page_shows_what_was_said(view)
        self.the_store_holds_every_turn_that_ended_once(stored)
        assert [each.id for each in listed] == [self.page.id] * bool(self.asked)

    def the_page_shows_what_was_said(self, view):
        assert view.growing == (self.growing is not None)
        assert [Seen.of(turn) for turn in view.turns] == [*self.before, *([self.growing] if self.growing else [])]
        assert view.versions == {turn.index: self.beside(turn.index) for turn in self.before}
        if self.growing is None:
            assert view.plan.messages == self.request(self.shown, "")
        else:
            assert view.plan.messages == self.process.model.asked[-1]
        assert (self.page.revision, view.plan.k if self.growing is None else self.k) == (
            view.conversation.revision,
            self.k,
        )

    def the_store_holds_every_turn_that_ended_once(self, stored):
        done = [each for each in stored if each.turn.status is not TurnStatus.STREAMING]
        # A retry whose process vanished is cleared away by the next change.
        done = [each for each in done if each.shown or (each.turn.index, each.turn.version) in self.tree]
        assert [Seen.of(each.turn) for each in done] == [self.tree[key] for key in sorted(self.tree)]
        shown = [(each.turn.index, each.turn.version) for each in done if each.shown]
        assert shown == list(enumerate(self.path))
        assert len(stored) - len(done) <= 1


TestVisit = pytest.mark.slow(Visit.TestCase)
TestVisit.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
