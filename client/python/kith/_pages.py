"""Listings in pages, as one iterator."""

from __future__ import annotations

from typing import Any, Callable, Iterator


def items_of_pages(fetch: Callable[[str], Any], field: str) -> Iterator[Any]:
    """The items of all pages; `fetch(page_token)` is called as the iteration gets there."""
    page_token = ""
    while True:
        page = fetch(page_token)
        yield from getattr(page, field)
        page_token = page.next_page_token
        if not page_token:
            return
