"""A card in two forms from the same sections: Markdown to keep beside code, and one HTML file to read anywhere."""

from collections.abc import Sequence

from millrace import pages
from millrace.cards.contents import Bullets, Lines, Section, Words, sections, summary, title
from millrace.pages import Html
from millrace_contracts.cards import ModelCard

ESCAPED = str.maketrans({character: "\\" + character for character in "\\`*_{}[]<>#|~$"})
"""What Markdown would read as its own, so that no name of a column or a file becomes a link or a tag."""


def markdown(card: ModelCard) -> str:
    """The card as Markdown (GitHub's tables)."""
    lines = [f"# {_text(title(card))}", "", _text(summary(card)), ""]
    for section in sections(card):
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            lines += [*_written(block), ""]
    return "\n".join(lines)


def html(card: ModelCard) -> str:
    """The card as one page that loads nothing from anywhere."""
    return pages.page(title(card), *map(_section, sections(card)), lead=summary(card))


def _written(block: Words | Bullets | Lines) -> list[str]:
    if isinstance(block, Words):
        return [_text(block.text)]
    if isinstance(block, Bullets):
        return [f"- {_text(item)}" for item in block.items]
    rule = "|" + "---|" * len(block.header)
    return [_row(block.header), rule, *map(_row, block.rows)]


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join("—" if cell is None else _text(str(cell)) for cell in cells) + " |"


def _text(text: str) -> str:
    return " ".join(text.translate(ESCAPED).split())


def _section(section: Section) -> Html:
    return pages.section(section.title, *map(_shown, section.blocks))


def _shown(block: Words | Bullets | Lines) -> Html:
    if isinstance(block, Words):
        return pages.paragraph(block.text)
    if isinstance(block, Bullets):
        return pages.bullets(block.items)
    return pages.table(block.header, block.rows)
