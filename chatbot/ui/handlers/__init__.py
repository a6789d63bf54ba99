"""What visitors do: each action is a plain coroutine that changes something, and the page's stream shows the change.

No handler draws, and none disables the box: nothing that goes wrong can leave it disabled. None believes what the page
says of the conversation, so that nothing forged or stale gets into it.
"""
