"""What is broken here is the application as it is run, over the databases that it is run with."""

from tests.conversation.conftest import postgres

__all__ = ["postgres"]
