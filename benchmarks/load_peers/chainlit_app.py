"""The same with Chainlit, the way its documentation streams."""

import chainlit
from endpoint import tokens


@chainlit.on_message
async def answer(message: chainlit.Message) -> None:
    reply = chainlit.Message(content="")
    async for token in tokens(message.content):
        await reply.stream_token(token)
    await reply.update()
