"""The scoring script that Microsoft's inference server runs for us: a model that says what reached it."""

import hashlib
import json


def init():
    """Called once by the server before the first request; there is nothing to load."""


def run(raw_data):
    """Answer the last message; ``raise``, ``parameters``, ``echo:`` and ``digest:`` show what happens on the way."""
    request = json.loads(raw_data)["input_data"]
    messages = request["input_string"]
    asked = messages[-1]["content"]
    if asked == "raise":
        raise RuntimeError("score.py was asked to raise")
    if asked == "parameters":
        return {"output": json.dumps(request["parameters"], sort_keys=True)}
    trigger, _, text = asked.partition(":")
    if trigger == "echo":
        return {"output": text}
    if trigger == "digest":
        return {"output": hashlib.sha256(text.encode()).hexdigest()}
    return {"output": f" I saw {len(messages)} messages. The last one says: {asked}"}
