# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A caller of Pocket ID's API, as the tests of the simulator need one."""

from __future__ import annotations

from typing import Any

import requests

from .server import PocketId


class Caller:
    def __init__(self, pocket_id: PocketId) -> None:
        self._url = pocket_id.base_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(pocket_id.ca_file)
        self.session.headers["X-API-Key"] = pocket_id.api_key

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self._url + path, timeout=10, **options)

    def json(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        answer = self(method, path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()

    def page(self, path: str, number: int = 0, limit: int = 0, **query: Any) -> Any:
        return self.json("GET", path, params={"pagination[page]": number, "pagination[limit]": limit, **query})

    def refusal(self, status: int, method: str, path: str, **options: Any) -> Any:
        """The code of it."""
        return self.json(method, path, status, **options).get("code")
