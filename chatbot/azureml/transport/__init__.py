"""HTTP: one request out, one reply in, whole or as it comes.

``sync`` goes through urllib3 and ``async_`` through aiohttp: for many streams at once httpx costs several times what
these do (docs/decisions.md), and aiohttp has no sync side. Each is imported when it is first needed, and so are its
libraries. ``common`` holds the decisions of both, ``network`` the proxies and certificates of this machine.
"""
