"""A model card as Markdown and as a page: what, how good, for whom not, made of what, decided by whom."""

from millrace.cards.contents import title
from millrace.cards.documents import html, markdown

__all__ = ["html", "markdown", "title"]
