"""An Azure ML endpoint on this machine: real sockets, real framing, a small honest model behind them.

It is written from the wire's side only and shares no code with the client, so that one misunderstanding
cannot hide in both.
"""

from chatbot.emulator.server import Emulator

__all__ = ["Emulator"]
