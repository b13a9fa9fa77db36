"""The edge in front of the site bucket: static files, the applications' own paths, security headers."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path, PurePosixPath

from aiohttp import web

APPLICATIONS = ("/ohif/", "/")
"""Single-page applications, longest first: their own paths all lead to their index.html."""
_FILE_NAME = re.compile(r"\.[A-Za-z][A-Za-z0-9]*$")
"""A name with an extension is a file or nothing; `/studies/1.2.3` ends in a UID and is a page of the portal."""
for _suffix, _type in ((".mjs", "text/javascript"), (".js", "text/javascript"), (".wasm", "application/wasm"),
                       (".webmanifest", "application/manifest+json"), (".woff2", "font/woff2")):  # fmt: skip
    mimetypes.add_type(_type, _suffix)


@dataclass(frozen=True)
class SecurityHeaders:
    """Response headers by path, from viewer_static/security-headers.json."""

    every_path: tuple[tuple[str, str], ...]
    rules: tuple[tuple[re.Pattern[str], tuple[tuple[str, str], ...]], ...]

    @classmethod
    def from_file(cls, path: Path) -> SecurityHeaders:
        """Read the rules; `*` matches any run of characters."""
        content = json.loads(path.read_text())
        rules = [
            (re.compile("|".join(translate(pattern) for pattern in rule["paths"])), tuple(rule["headers"].items()))
            for rule in content["rules"]
        ]
        return cls(tuple(content["every_path"].items()), tuple(rules))

    def of(self, path: str) -> Iterator[tuple[str, str]]:
        """Headers of a path: those of every path and those of the first rule that matches."""
        yield from self.every_path
        yield from next((headers for pattern, headers in self.rules if pattern.match(path)), ())


def content_type(file: Path) -> str:
    """Media type by name; text is UTF-8."""
    guessed = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


class Site:
    """Serves the built portal and OHIF."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send a file; a path without an extension belongs to an application and gets its index.html.

        Precompressed neighbours (`.br`, `.gz`) are sent to those who accept them.
        """
        if request.method not in {"GET", "HEAD"}:
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        file = self._file(request.path)
        if file is None:
            raise web.HTTPNotFound(reason="There is no such page.")
        return web.FileResponse(file, headers={"Content-Type": content_type(file)})

    def _file(self, path: str) -> Path | None:
        parts = PurePosixPath(path).parts[1:]
        if ".." in parts or any("\0" in part for part in parts):
            return None
        file = self._root.joinpath(*parts)
        if file.is_file() and file.resolve().is_relative_to(self._root):
            return file
        if _FILE_NAME.search(parts[-1] if parts else ""):
            return None
        application = next(prefix for prefix in APPLICATIONS if f"{path}/".startswith(prefix))
        index = self._root / application.strip("/") / "index.html"
        return index if index.is_file() else None
