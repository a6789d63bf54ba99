"""The application as an endpoint: OpenAI's routes under ``/v1``, for programs that show a key of the owner's."""

from chatbot.api.keys import Keys, new_key
from chatbot.api.routes import MAX_BYTES, Api

__all__ = ["MAX_BYTES", "Api", "Keys", "new_key"]
