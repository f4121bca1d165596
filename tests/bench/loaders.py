# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection is measured against: the same requests and nothing else. Each runs as a process of its own.

`python -m bench.loaders WHAT WISHES` prints the seconds that the requests took, without the start of the interpreter.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

THREADS = 8
PAGE = 100
CONTENT_TYPE = "application/scim+json"


@dataclass(frozen=True)
class Wishes:
    url: str
    """Below which the resources are."""
    headers: dict[str, str]
    ca_file: str
    bodies: str = ""
    """A file with one JSON body a line, to be created."""

    def write(self, file: Path) -> None:
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)))

    def session(self) -> requests.Session:
        session = requests.Session()
        session.verify = self.ca_file
        session.headers.update(self.headers)
        return session


def scim_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"HZN {token}", "Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE}


def list_users(wishes: Wishes) -> float:
    """One page after the other."""
    began = time.perf_counter()
    with wishes.session() as session:
        start, total = 1, 1
        while start <= total:
            page = _ok(session.get(f"{wishes.url}/Users", params={"startIndex": start, "count": PAGE})).json()
            start, total = start + len(page["Resources"]), page["totalResults"]
    return time.perf_counter() - began


def list_people(wishes: Wishes) -> float:
    """Pocket ID's users: the first page, and the others side by side, with a kept-alive session a thread."""
    own = threading.local()

    def page(number: int) -> dict[str, Any]:
        if not hasattr(own, "session"):
            own.session = wishes.session()
        query: dict[str, str | int] = {
            "pagination[page]": number,
            "pagination[limit]": PAGE,
            "sort[column]": "username",
            "sort[direction]": "asc",
        }
        answer: dict[str, Any] = _ok(own.session.get(f"{wishes.url}/users", params=query)).json()
        return answer

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for _none in pool.map(page, range(2, page(1)["pagination"]["totalPages"] + 1)):
            pass
    return time.perf_counter() - began


def create_users(wishes: Wishes) -> float:
    """Side by side, with a kept-alive session a thread."""
    users = [json.loads(line) for line in Path(wishes.bodies).read_text().splitlines()]
    own = threading.local()

    def send(user: dict[str, Any]) -> None:
        if not hasattr(own, "session"):
            own.session = wishes.session()
        _ok(own.session.post(f"{wishes.url}/Users", data=json.dumps(user)))

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for _none in pool.map(send, users):
            pass
    return time.perf_counter() - began


def create_users_with_curl(wishes: Wishes) -> float:
    """As the manual method does: a process and a connection a user."""
    header = "\n".join(f"{name}: {value}" for name, value in wishes.headers.items())
    file = Path(f"{wishes.bodies}.headers")
    file.touch(mode=0o600)
    file.write_text(header)
    command = [
        "curl",
        "--silent",
        "--fail",
        "--cacert",
        wishes.ca_file,
        "--header",
        f"@{file}",
        "--output",
        "/dev/null",
    ]
    users = Path(wishes.bodies).read_text().splitlines()
    began = time.perf_counter()
    for user in users:
        subprocess.run([*command, "--data", user, f"{wishes.url}/Users"], check=True)
    return time.perf_counter() - began


def _ok(answer: requests.Response) -> requests.Response:
    answer.raise_for_status()
    return answer


WAYS = {"list": list_users, "people": list_people, "create": create_users, "curl": create_users_with_curl}

if __name__ == "__main__":
    way, file = sys.argv[1:]
    print(WAYS[way](Wishes(**json.loads(Path(file).read_text()))))
