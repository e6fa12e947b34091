"""Prepares the pages of docs/ for mdBook, which calls this as a preprocessor (book.toml).

The pages are written to be read in the repository. On the site, the decisions become chapters of their own,
so that a new one needs no entry in SUMMARY.md, the API reference is made of the comments in proto/ and of the
clients' calls, and links that leave docs/ lead to the repository.
"""

import json
import pathlib
import re
import sys

import reference

REPOSITORY = "https://github.com/tenterhook/tenterhook/blob/main/"
DOCS = pathlib.Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((?P<target>[^)\s#:]+)(?P<fragment>#[^)\s]*)?\)")


def outward(text: str, folder: pathlib.PurePosixPath, pages: set[str]) -> str:
    """The text of a page in `folder`, with links to what is no page of the site led to the repository."""

    def replace(match: re.Match) -> str:
        path = (DOCS / folder / match["target"]).resolve()
        place = path.relative_to(DOCS).as_posix() if path.is_relative_to(DOCS) else ""
        if place in pages:
            return match[0]
        if f"{place}/index.md" in pages:
            return f"]({match['target']}/index.md)"
        return f"]({REPOSITORY}{path.relative_to(DOCS.parent).as_posix()}{match['fragment'] or ''})"

    return LINK.sub(replace, text)


def decisions(number: int) -> dict:
    """The chapter of the decisions, with one below it for each."""
    chapters = [
        chapter(path.read_text().split("\n", 1)[0].removeprefix("# "), path.read_text(), f"decisions/{path.name}", [number, at])
        for at, path in enumerate(sorted((DOCS / "decisions").glob("*.md")), 1)
    ]
    text = "# Decisions\n\nWhy Tenterhook is built as it is. A decision says what was refused, too.\n"
    listing = "\n".join(f"- [{one['Chapter']['name']}]({pathlib.PurePosixPath(one['Chapter']['path']).name})" for one in chapters)
    page = chapter("Decisions", f"{text}\n{listing}\n", "decisions/index.md", [number])
    page["Chapter"]["sub_items"] = chapters
    for one in chapters:
        one["Chapter"]["parent_names"] = ["Decisions"]
    return page


def api(number: int) -> dict:
    """The chapter of the API reference, with one below it for each service."""
    overview, *others = reference.pages()
    page = chapter(*overview, [number])
    page["Chapter"]["sub_items"] = [chapter(*other, [number, at]) for at, other in enumerate(others, 1)]
    for one in page["Chapter"]["sub_items"]:
        one["Chapter"]["parent_names"] = [page["Chapter"]["name"]]
    return page


def chapter(name: str, content: str, path: str, number: list[int]) -> dict:
    return {
        "Chapter": {
            "name": name,
            "content": content,
            "number": number,
            "sub_items": [],
            "path": path,
            "source_path": path,
            "parent_names": [],
        }
    }


def walk(items: list) -> list[dict]:
    """Every chapter, those below others included."""
    chapters = [item["Chapter"] for item in items if isinstance(item, dict) and "Chapter" in item]
    return [inner for one in chapters for inner in (one, *walk(one["sub_items"]))]


def main() -> None:
    _context, book = json.load(sys.stdin)
    items = book["items" if "items" in book else "sections"]
    for made in (api, decisions):
        items.append(made(sum(isinstance(item, dict) and "Chapter" in item for item in items)))
    chapters = [one for one in walk(items) if one["path"]]
    pages = {one["path"] for one in chapters}
    for one in chapters:
        one["content"] = outward(one["content"], pathlib.PurePosixPath(one["path"]).parent, pages)
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0)
    main()
