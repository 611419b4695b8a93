"""The requests that a Hub on this machine answers: those of huggingface_hub and of datasets."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hubcard import card_errors, front_matter
from tests.hubstore import USERS, Asked, Entry, Hub, entry_of

__all__ = ["handler"]

REGULAR_LIMIT = 10 << 20
"""Bytes of a file beyond which the Hub takes it as a large one only."""

R = r"/api/datasets/(?P<repo>[^/]+/[^/]+)"
ROUTES: list[tuple[str, str, str]] = [
    ("POST", "/api/repos/create", "create"),
    ("POST", "/api/validate-yaml", "validate"),
    ("GET", "/api/whoami-v2", "whoami"),
    ("PUT", f"{R}/settings", "settings"),
    ("GET", f"{R}/refs", "refs"),
    ("POST", f"{R}/branch/(?P<revision>[^/]+)", "branch"),
    ("POST", f"{R}/preupload/(?P<revision>[^/]+)", "preupload"),
    ("POST", f"{R}/commit/(?P<revision>[^/]+)", "commit"),
    ("POST", f"{R}/paths-info/(?P<revision>[^/]+)", "paths"),
    ("GET", f"{R}/tree/(?P<revision>[^/]+)(/(?P<path>.*))?", "tree"),
    ("GET", f"{R}/revision/(?P<revision>[^/]+)", "info"),
    ("GET", R, "info"),
    ("POST", r"/datasets/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
    ("PUT", r"/lfs/(?P<path>[0-9a-f]{64})", "put"),
    ("GET", r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
]


class _RefusedError(Exception):
    """Ends the answering of a request."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: two wait 40 ms for each other
    repo: str
    revision: str
    path_in_repo: str
    body: bytes
    answered: bool

    def log_message(self, *_: Any) -> None:
        """Be silent."""

    def handle_one_request(self) -> None:
        """A client that was killed ends its connection."""
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do(self) -> None:
        """Answer any request."""
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.place, self.answered = url.path, False
        if self._fault():
            return
        self.body = self._read_body()
        try:
            self._routed(url.path)()
        except _RefusedError as refused:
            self.refuse(refused.status, refused.code, refused.message)

    do_GET = do_HEAD = do_POST = do_PUT = do  # noqa: N815 -- the names that the base class calls

    def _fault(self) -> bool:
        with self.hub.lock:
            due = [fault for fault in self.hub.faults if fault.due(self.command, self.place)]
        return any(fault.act(self) for fault in due)

    def _routed(self, path: str) -> Callable[[], None]:
        method = "GET" if self.command == "HEAD" else self.command
        for wanted, pattern, name in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and wanted == method:
                given = found.groupdict()
                self.repo = unquote(given.get("repo") or "")
                self.revision = unquote(given.get("revision") or "main")
                self.path_in_repo = unquote(given.get("path") or "")
                return getattr(self, f"_{name}")
        raise _RefusedError(404, "", f"no such endpoint: {self.command} {path}")

    # ------------------------------------------------------------ requests and answers

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        blocks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            blocks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(blocks)

    def _json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def refuse(self, status: int, code: str = "", message: str = "") -> None:
        """Answer with an error, as the Hub does."""
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        data = json.dumps({"error": message}).encode()
        # Where the body was not read the connection cannot go on.
        self.close_connection = True
        self._send(status, data, {name: text for name, text in headers.items() if text})

    def _answer(self, value: Any, headers: dict[str, str] | None = None, status: int = 200) -> None:
        kind = {"Content-Type": "application/json"}
        self._send(status, json.dumps(value).encode(), kind | (headers or {}))

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        agent = self.headers.get("User-Agent", "")
        self.hub.asked.append(Asked(method=self.command, path=self.place, status=status, agent=agent))
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _complain(self, what: str) -> _RefusedError:
        self.hub.complaints.append(what)
        return _RefusedError(400, "", what)

    # ------------------------------------------------------------ who asks, and for what

    def _user(self) -> str | None:
        said = self.headers.get("Authorization")
        if said is None:
            return None
        user = USERS.get(said.removeprefix("Bearer "))
        if user is None:
            raise _RefusedError(401, "", "Invalid credentials in Authorization header")
        return user

    def _seen(self) -> dict[str, Any]:
        """The repository, if who asks may see it."""
        user = self._user()
        try:
            state = self.hub.repo(self.repo)
        except KeyError:
            state = None
        if state is None or (state["private"] and user != state["owner"]):
            if user is None:  # the Hub tells strangers nothing
                raise _RefusedError(401, "RepoNotFound", "Invalid username or password.")
            raise _RefusedError(404, "RepoNotFound", "Repository not found")
        return state

    def _may_write(self) -> dict[str, Any]:
        state = self._seen()
        if self._user() is None:
            raise _RefusedError(401, "", "Invalid username or password.")
        if self._user() != state["owner"]:
            raise _RefusedError(403, "", "you do not have the right to write to this repository")
        return state

    def _commit_asked(self) -> str:
        try:
            return self.hub.resolve(self.repo, self.revision)
        except KeyError:
            raise _RefusedError(404, "RevisionNotFound", f"Invalid rev id: {self.revision}") from None

    # ------------------------------------------------------------ accounts and repositories

    def _whoami(self) -> None:
        user = self._user()
        if user is None:
            raise _RefusedError(401, "", "Invalid username or password.")
        self._answer({"type": "user", "name": user, "orgs": []})

    def _create(self) -> None:
        user, asked = self._user(), self._json()
        if user is None:
            raise _RefusedError(401, "", "Invalid username or password.")
        if user != "owner":
            raise _RefusedError(
                403, "", f"You don't have the rights to create a dataset under {asked['organization']}"
            )
        self.repo = f"{asked['organization'] or user}/{asked['name']}"
        with self.hub.lock:
            try:
                self.hub.repo(self.repo)
            except KeyError:
                self.hub.create(self.repo, private=_private(asked))
            else:
                raise _RefusedError(409, "", "You already created this dataset repo")
        self._answer({"url": f"{self.hub.url}/datasets/{self.repo}", "name": self.repo, "id": self.repo})

    def _settings(self) -> None:
        self._may_write()
        asked = self._json()
        if "visibility" in asked or "private" in asked:
            self.hub.change(self.repo, private=_private(asked))
        if "gated" in asked:
            self.hub.change(self.repo, gated=asked["gated"])
        self._answer({})

    def _refs(self) -> None:
        refs = self._seen()["refs"]
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": oid}
            for name, oid in refs.items()
            if not name.startswith("refs/")
        ]
        pulls = [
            {"name": name, "ref": name, "targetCommit": oid}
            for name, oid in refs.items()
            if name.startswith("refs/")
        ]
        more = {"pullRequests": pulls} if self.query.get("include_prs") else {}
        self._answer({"branches": branches, "converts": [], "tags": []} | more)

    def _branch(self) -> None:
        self._may_write()
        if self.revision.startswith("refs/"):
            raise _RefusedError(400, "", "Invalid reference for a branch")
        if self.revision in self.hub.repo(self.repo)["refs"]:
            raise _RefusedError(409, "", "Reference already exists")
        name, self.revision = self.revision, self._json().get("startingPoint", "main")
        begin = self._commit_asked()
        self.hub.change(self.repo, refs=self.hub.repo(self.repo)["refs"] | {name: begin})
        self._answer({})

    # ------------------------------------------------------------ reading

    def _info(self) -> None:
        state, commit = self._seen(), self._commit_asked()
        files = self.hub.files(commit)
        card = None
        if "README.md" in files:
            card = front_matter(self.hub.read(files["README.md"]).decode())
        self._answer(
            {
                "_id": "0",
                "id": self.repo,
                "author": self.repo.partition("/")[0],
                "sha": commit,
                "private": state["private"],
                "gated": state["gated"],
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "lastModified": "2026-01-01T00:00:00.000Z",
                "createdAt": "2026-01-01T00:00:00.000Z",
                "cardData": card,
                "siblings": [{"rfilename": path} for path in files],
            }
        )

    def _tree(self) -> None:
        self._seen()
        files = self.hub.files(self._commit_asked())
        below = f"{self.path_in_repo}/" if self.path_in_repo else ""
        under = {path: entry for path, entry in files.items() if path.startswith(below)}
        if below and not under:
            raise _RefusedError(404, "EntryNotFound", f"{self.path_in_repo} does not exist")
        found: dict[str, dict[str, Any]] = {}
        for path, entry in under.items():
            parts = path.removeprefix(below).split("/")
            for depth in range(1, len(parts)):
                folder = below + "/".join(parts[:depth])
                found[folder] = {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40}
            found[path] = _listed(path, entry)
        if self.query.get("recursive", "false").lower() not in {"1", "true"}:
            found = {path: each for path, each in found.items() if "/" not in path.removeprefix(below)}
        start = int(self.query.get("cursor", 0))
        page = [found[path] for path in sorted(found)][start : start + self.hub.page]
        more = {}
        if start + self.hub.page < len(found):
            recursive = self.query.get("recursive", "false")
            link = f"{self.hub.url}{self.place}?recursive={recursive}&cursor={start + self.hub.page}"
            more = {"Link": f'<{link}>; rel="next"'}
        self._answer(page, more)

    def _paths(self) -> None:
        self._seen()
        files = self.hub.files(self._commit_asked())
        asked = self._json() if "json" in self.headers.get("Content-Type", "") else _form(self.body)
        found = []
        for path in asked["paths"]:
            if path in files:
                found.append(_listed(path, files[path]))
            elif any(name.startswith(f"{path}/") for name in files):
                found.append({"type": "directory", "path": path, "size": 0, "oid": "0" * 40})
        self._answer(found)

    def _resolve(self) -> None:
        state, commit = self._seen(), self._commit_asked()
        if state["gated"] and self._user() not in state["allowed"]:
            status = 401 if self._user() is None else 403
            raise _RefusedError(status, "GatedRepo", "Access to this dataset is restricted")
        entry = self.hub.files(commit).get(self.path_in_repo)
        if entry is None:
            raise _RefusedError(404, "EntryNotFound", "Entry not found")
        etag = f'"{entry.sha256 if entry.large else entry.oid}"'
        headers = {"ETag": etag, "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if entry.large:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(entry.size)}
        data, status = self.hub.read(entry), 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), int(asked[2] or len(data) - 1)
            if first >= len(data):
                raise _RefusedError(416, "", "range not satisfiable")
            headers["Content-Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            data, status = data[first : last + 1], 206
        self._send(status, data, headers)

    # ------------------------------------------------------------ writing

    def _validate(self) -> None:
        errors = card_errors(self._json()["content"])
        said = {"errors": [{"message": text} for text in errors], "warnings": []}
        self._answer(said, status=400 if errors else 200)

    def _preupload(self) -> None:
        self._seen()
        if "create_pr" not in self.query:
            self._may_write()
        files = self.hub.files(self._commit_asked())
        rules = files.get(".gitattributes")
        attributes = self.hub.read(rules).decode().splitlines() if rules else []
        large = [line.split()[0] for line in attributes if "filter=lfs" in line]
        ignored = self._json().get("gitIgnore")
        if ignored is None and ".gitignore" in files:
            ignored = self.hub.read(files[".gitignore"]).decode()
        answer = []
        for asked in self._json()["files"]:
            path = asked["path"]
            base64.b64decode(asked["sample"], validate=True)
            mode = "lfs" if asked["size"] > REGULAR_LIMIT or _matches(path, large) else "regular"
            there = files.get(path)
            oid = {"oid": there.sha256 if there.large else there.oid} if there else {}
            skip = _matches(path, (ignored or "").splitlines())
            answer.append({"path": path, "uploadMode": mode, "shouldIgnore": skip} | oid)
        self._answer({"files": answer})

    def _batch(self) -> None:
        self._seen()
        if self._user() is None:
            raise _RefusedError(401, "", "Invalid username or password.")
        objects = []
        for each in self._json()["objects"]:
            href = {"upload": {"href": f"{self.hub.url}/lfs/{each['oid']}?size={each['size']}"}}
            there = self.hub.object_path(each["oid"]).is_file()
            objects.append(each if there else each | {"actions": href})
        self._answer({"transfer": "basic", "objects": objects})

    def _put(self) -> None:
        digest = hashlib.sha256(self.body).hexdigest()
        if digest != self.path_in_repo or len(self.body) != int(self.query["size"]):
            raise self._complain(f"an object of {len(self.body)} bytes is not what it was announced to be")
        self.hub.store(self.body, large=True)
        self._send(200, b"", {"ETag": f'"{digest}"'})

    def _commit(self) -> None:
        state, head = self._seen(), self._commit_asked()
        pull = "create_pr" in self.query
        if not pull:
            self._may_write()
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = lines[0]["value"]
        if lines[0]["key"] != "header":
            raise self._complain("the first line of a commit is no header")
        with self.hub.lock:
            head = self._commit_asked()
            if header.get("parentCommit", head) != head:
                raise _RefusedError(412, "", "A commit has happened since. Please refresh and try again.")
            files, deleted = self._changes(lines[1:], self.hub.files(head))
            number = sum(ref.startswith("refs/pr/") for ref in state["refs"]) + 1
            branch = f"refs/pr/{number}" if pull else self.revision
            oid = self.hub.commit(
                self.repo, files, tuple(deleted), branch=branch, onto=head, summary=header["summary"]
            )
        page = f"{self.hub.url}/datasets/{self.repo}"
        more = {"pullRequestUrl": f"{page}/discussions/{number}"} if pull else {}
        self._answer({"success": True, "commitOid": oid, "commitUrl": f"{page}/commit/{oid}"} | more)

    def _changes(
        self, lines: list[dict[str, Any]], there: dict[str, Entry]
    ) -> tuple[dict[str, Entry], list[str]]:
        files: dict[str, Entry] = {}
        deleted: list[str] = []
        for line in lines:
            path = line["value"]["path"]
            match line["key"]:
                case "file":
                    files[path] = self._regular(path, line["value"])
                case "lfsFile":
                    files[path] = self._large(path, line["value"])
                case "deletedFile" if path in there:
                    deleted.append(path)
                case "deletedFile":
                    raise _RefusedError(404, "EntryNotFound", "A file with this name doesn't exist")
                case "deletedFolder":
                    deleted += [name for name in there if name.startswith(path.rstrip("/") + "/")]
                case key:
                    raise self._complain(f"a commit has no {key}")
        if not files and not deleted:
            raise self._complain("an empty commit")
        return files, deleted

    def _regular(self, path: str, value: dict[str, Any]) -> Entry:
        data = base64.b64decode(value["content"], validate=True)
        if value["encoding"] != "base64" or len(data) > REGULAR_LIMIT:
            raise self._complain(f"{path} is no regular file")
        wrong = card_errors(data.decode()) if path == "README.md" else []
        if wrong:
            raise _RefusedError(400, "", f"Invalid metadata: {wrong[0]}")
        return self.hub.store(data)

    def _large(self, path: str, value: dict[str, Any]) -> Entry:
        kept = self.hub.object_path(value["oid"])
        if value["algo"] != "sha256" or not kept.is_file():
            raise self._complain(f"{path} points to what was never sent")
        if kept.stat().st_size != value["size"]:
            raise self._complain(f"{path} is not of the size that is said")
        return entry_of(value["oid"], value["size"], None)


def _listed(path: str, entry: Entry) -> dict[str, Any]:
    pointer = {"oid": entry.sha256, "size": entry.size, "pointerSize": 134}
    more = {"lfs": pointer} if entry.large else {}
    return {"type": "file", "path": path, "size": entry.size, "oid": entry.oid} | more


def _private(asked: dict[str, Any]) -> bool:
    """What is asked of who may see it, as huggingface_hub 2 says it and as 1 did."""
    return asked.get("visibility") == "private" or asked.get("private") is True


def _matches(path: str, patterns: list[str]) -> bool:
    return any(fnmatch(path, each) or fnmatch(path.rpartition("/")[2], each) for each in patterns if each)


def _form(body: bytes) -> dict[str, list[str]]:
    return parse_qs(body.decode())


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    """Return the class of the handlers of one Hub."""
    return type("Handler", (_Handler,), {"hub": hub})
