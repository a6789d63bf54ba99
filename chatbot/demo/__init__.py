"""Rehearsed demos: the file that holds one, how a conversation becomes one, and whether it is answered as it was."""

from chatbot.demo.file import MAX_BYTES, Demo, DemoTurn, Expectation, read_demo, to_yaml
from chatbot.demo.recorder import record

__all__ = [
    "MAX_BYTES",
    "Demo",
    "DemoTurn",
    "Expectation",
    "read_demo",
    "record",
    "to_yaml",
]
