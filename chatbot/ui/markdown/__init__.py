"""Markdown as models write it: CommonMark and GFM's tables and strikethrough, formulas, a few tags. Pure."""
