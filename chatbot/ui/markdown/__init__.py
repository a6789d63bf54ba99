"""Markdown as models write it: CommonMark and GFM's tables and strikethrough, formulas, footnotes, a few tags. Pure."""
