# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SCIM server on django-scim2, served over HTTPS by the simulator's web server.

Arguments: a folder, the token, and the id before that of the first group, since users and groups are numbered separately.
Prints "ready PORT" when it accepts connections; `ca.pem` is in the folder then.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import django
from django.conf import settings

FOLDER, TOKEN, BEFORE_FIRST_GROUP = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

settings.configure(
    SECRET_KEY=TOKEN,
    ALLOWED_HOSTS=["localhost"],
    APPEND_SLASH=False,
    AUTH_USER_MODEL="django_server.User",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "db.sqlite3")}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "peers.django_server", "django_scim"],
    MIDDLEWARE=["peers.django_server.application.token_middleware", "django_scim.middleware.SCIMAuthCheckMiddleware"],
    ROOT_URLCONF="peers.django_server.urls",
    SCIM_SERVICE_PROVIDER={"NETLOC": "localhost", "GROUP_MODEL": "peers.django_server.models.Group"},
    USE_TZ=True,
)


def token_middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Log in the one caller that has the token."""

    def middleware(request: Any) -> Any:
        known = request.headers.get("Authorization") == f"Bearer {settings.SECRET_KEY}"
        request.user = SimpleNamespace(is_anonymous=not known, is_authenticated=known)
        return get_response(request)

    return middleware


def main() -> None:
    sys.modules.setdefault("peers.django_server.application", sys.modules["__main__"])
    django.setup()
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from simulator.https_server import HttpsServer

    call_command("migrate", run_syncdb=True, verbosity=0)
    from peers.django_server.models import Group

    if BEFORE_FIRST_GROUP:
        # SQLite counts on from the highest number that there was.
        Group.objects.create(id=BEFORE_FIRST_GROUP, name="placeholder").delete()
    server = HttpsServer(get_wsgi_application(), FOLDER, "localhost")
    sys.stdout.write(f"ready {server.start()}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
