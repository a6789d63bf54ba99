"""Who is let in, and where from: trusted proxies, and doors in front of everything that this server answers.

It knows Starlette, and neither the page nor Gradio: what a door shows is given to it.
"""
