"""ZeroGPU: Hugging Face ends an application that asks for no GPU when it starts. This one needs none, but asks."""

from __future__ import annotations


def declare() -> None:
    """Let Gradio's launch report a function that wants a GPU. Nobody calls it, so no visitor's quota is used.

    Only for ZeroGPU hardware, where the package ``spaces`` is installed; before the page is launched.
    """
    import spaces  # there only: it changes Gradio as it is imported

    spaces.GPU(_never_called)


def _never_called() -> None:
    """Do nothing."""
