"""Playing a rehearsed demo: on, back, and whether the model is asked."""

from __future__ import annotations

from chatbot.conversation import ConversationService, Options, TurnMemory
from chatbot.demo import DemoTurn
from chatbot.ui.demo import DemoStage, Performance, Played, Step
from chatbot.ui.sessions import PageSession, Stale
from chatbot.ui.views.panels import recall_hint


class DemoHandlers:
    """What whoever presents does.

    Args:
        service: What it is done to.
        stage: Where the demo is played.
    """

    def __init__(self, service: ConversationService, stage: DemoStage) -> None:
        self._service = service
        self._stage = stage

    async def begin(self, session: PageSession) -> None:
        """Begin the demo in a new conversation, with nothing asked yet."""
        async with session.performing:
            await self._begun(session)

    async def next(self, session: PageSession) -> None:
        """Do what comes next: type a question, accept what the page offers for it, or ask it."""
        async with session.performing:
            # Whoever presses twice does not leave out a question.
            if self._service.generation(session.conversation) is not None:
                return
            performance = self._stage.performance(session.conversation) or await self._begun(session)
            turn = self._stage.next_turn(performance)
            if turn is None:
                return
            if performance.before is None:
                performance.before = session.conversation.options
                await self._choose(session, turn.chosen(performance.before))
            if performance.step is Step.TYPE:
                # What is put into the box asks for no hint by itself, as what is typed there does.
                mention = await self._service.mention(session.conversation, turn.question, caller=session.caller)
                session.show_hint(recall_hint(session.t, mention))
                session.give_back(turn.question)
                performance.step = Step.INCLUDE
            elif performance.step is Step.INCLUDE:
                await self._mark_offered(session, performance, turn, TurnMemory.PINNED)
                performance.step = Step.SEND
            else:
                await self._ask(session, performance, turn)
                return
            session.redraw(Stale.VIEW)

    async def back(self, session: PageSession) -> None:
        """Take the last step back; while an answer grows, end it from the recording."""
        performance = self._stage.performance(session.conversation)
        if performance is None:
            return
        if self._service.generation(session.conversation) is not None:
            if performance.rehearsal is not None:
                performance.rehearsal.skip()
            return
        async with session.performing:
            turn = self._stage.next_turn(performance)
            if turn is not None and turn.offers is not None and performance.step is Step.SEND:
                await self._mark_offered(session, performance, turn, TurnMemory.AUTO)
                performance.step = Step.INCLUDE
            elif turn is not None and performance.step is Step.INCLUDE:
                session.take_away(turn.question)
                await self._choose(session, performance.before or session.conversation.options)
                self._stage.prepare(performance)
            elif performance.played:
                await self._take_back(session, performance)
            session.redraw(Stale.VIEW)

    async def switch(self, session: PageSession) -> None:
        """Have the next questions asked of the model, or answered from the recording."""
        async with session.performing:
            performance = self._stage.performance(session.conversation) or await self._begun(session)
            performance.is_live = not performance.is_live
            session.redraw(Stale.VIEW)

    async def _begun(self, session: PageSession) -> Performance:
        conversation = self._service.begin(session.owner)
        conversation = await self._service.choose(conversation, self._stage.demo.begins(conversation.options))
        performance = self._stage.begin(conversation)
        session.turn_to(conversation)
        return performance

    async def _choose(self, session: PageSession, options: Options) -> None:
        async with session.choosing:
            if options != session.conversation.options:
                session.conversation = await self._service.choose(session.conversation, options)

    async def _ask(self, session: PageSession, performance: Performance, turn: DemoTurn) -> None:
        effective = self._service.deployments.effective(session.conversation, session.caller.groups)
        rehearsal = self._stage.rehearsal(turn, performance, effective.deployment.name)
        before = performance.before or session.conversation.options
        generation = await self._service.ask(
            session.conversation, turn.question, caller=session.caller, rehearsal=rehearsal
        )
        session.conversation = generation.conversation
        # What an answer that begins changes is drawn because it begins.
        session.accepted(turn.question)
        performance.rehearsal = rehearsal
        performance.played.append(Played(generation.turn.index, before))
        self._stage.prepare(performance)

    async def _mark_offered(
        self, session: PageSession, performance: Performance, turn: DemoTurn, memory: TurnMemory
    ) -> None:
        if turn.offers is not None:
            index = performance.played[turn.offers - 1].index
            session.conversation = await self._service.set_memory(session.conversation, index, memory)
        if memory is TurnMemory.PINNED:
            session.withdraw_hint()

    async def _take_back(self, session: PageSession, performance: Performance) -> None:
        last = performance.played[-1]
        session.conversation = await self._service.rewind(session.conversation, last.index)
        performance.played.pop()
        self._stage.prepare(performance)
        turn = self._stage.next_turn(performance)
        if turn is not None and turn.offers is not None:
            await self._mark_offered(session, performance, turn, TurnMemory.AUTO)
        await self._choose(session, last.options)
