# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interpreter in which playbooks start quicker does what the real one does: whoever calls it cannot tell them apart."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["MARK"], os.umask(0), __name__, sys.stdin.read(), flush=True)
print("to stderr", file=sys.stderr)
"""
ENVIRONMENT = {"MARK": "ä mark", "LC_ALL": "C.UTF-8"}


def told(python: Path | str, folder: Path, *arguments: str, given: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, env=ENVIRONMENT, input=given, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def put(folder: Path, text: str) -> str:
    (folder / "script.py").write_text(text)
    return str(folder / "script.py")


@pytest.mark.parametrize(
    "text",
    [
        SCRIPT,
        "import sys; sys.exit(3)",
        "import sys; sys.exit('words')",
        "import sys; sys.exit()",
        "1 / 0",
        "import atexit; atexit.register(print, 'at the end'); print('first')",
        "import threading; threading.Timer(0.1, print, ['the thread']).start(); print('first')",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os; os._exit(7)",
        "import beside; print(beside.WORD)",
    ],
)
def test_a_script_cannot_tell(interpreter: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "beside.py").write_text("WORD = 'beside the script'")
    script = put(tmp_path, text)
    real, warm = (
        told(python, tmp_path, script, "an", "ärgument", given="in") for python in (sys.executable, interpreter)
    )
    assert warm[:2] == real[:2]
    # What stands above a script in a traceback differs.
    assert warm[2].splitlines()[-1:] == real[2].splitlines()[-1:]


def test_a_script_on_standard_input(interpreter: Path, tmp_path: Path) -> None:
    text = "import sys; print(__name__, sys.argv); sys.exit(4)"
    assert told(interpreter, tmp_path, given=text) == told(sys.executable, tmp_path, given=text)


def test_options_are_those_of_the_real_one(interpreter: Path, tmp_path: Path) -> None:
    arguments = ("-c", "import sys; print(sys.argv, sys.flags.isolated)", "more")
    assert told(interpreter, tmp_path, "-I", *arguments) == told(sys.executable, tmp_path, "-I", *arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_arrive(interpreter: Path, tmp_path: Path, number: signal.Signals) -> None:
    script = put(
        tmp_path,
        f"import signal, sys, time\nsignal.signal({number:d}, lambda *_: sys.exit(9))\nprint('ready', flush=True)\ntime.sleep(60)",
    )
    with subprocess.Popen([str(interpreter), script], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(30) == 9


def test_nothing_is_left_of_one_whose_caller_was_killed(interpreter: Path, tmp_path: Path) -> None:
    script = put(tmp_path, "import time\nprint('ready', flush=True)\ntime.sleep(60)")
    with subprocess.Popen([str(interpreter), script], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.kill()
        # It held the other end.
        assert process.stdout.read() == ""
