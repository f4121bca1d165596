# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from foreign.keycloak import Keycloak
from foreign.servers import Certificate, keycloak_server, make_certificate
from system.conftest import appliance, interpreter, modules, playbooks, running_appliance

__all__ = ["appliance", "interpreter", "modules", "playbooks", "running_appliance"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def keycloak(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    with keycloak_server(certificate, tmp_path_factory.mktemp("keycloak") / "log") as address:
        yield Keycloak(address, certificate)
