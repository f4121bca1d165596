# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python interpreter that has imported already what ansible-playbook and modules import, Ansible and the collection apart.

warm_interpreter.py FOLDER

FOLDER/python runs a script as this interpreter would: in a process of its own, with its caller's arguments, environment, folder
and open files, its exit status and its signals. Only, that process is forked from this one, and finds in FOLDER what modules,
which come as a zip file each time, were compiled to the time before. Both together are most of what a module takes.
It ends when its standard input is closed. Linux alone.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import hashlib
import importlib
import marshal
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import types
import zipimport
from pathlib import Path
from types import CodeType
from typing import Any, Never

# Started for each module: the smallest imports, and none of site's.
CLIENT = """#!{interpreter} -IS
import array, os, sys
import _signal, _socket

server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({address!r})
arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
environment = [name + b"=" + value for name, value in os.environb.items()]
message = b"\\0".join((os.getcwdb(), b"%d" % os.umask(0), b"%d" % len(arguments), *arguments, *environment))
files = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", (0, 1, 2)))
server.sendmsg((len(message).to_bytes(4, "big"),), (files,))
server.sendall(message)
forward = lambda number, frame: server.send(bytes((number,)))
for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
    if _signal.getsignal(number) != _signal.SIG_IGN:
        _signal.signal(number, forward)
status = server.recv(2)
if status[:1] == b"s":
    _signal.signal(status[1], _signal.SIG_DFL)
    os.kill(os.getpid(), status[1])
os._exit(status[1] if status else 1)
"""

LOADED = """
import sys
import ansible.cli.playbook, ansible.executor.playbook_executor, ansible.plugins.callback.default, ansible.plugins.strategy.linear
import requests
for name, module in sorted(sys.modules.items()):
    if getattr(module, "__file__", None) and not name.startswith(("ansible", "__")):
        print(name)
"""


def main(folder: Path) -> None:
    # What is imported by name, in a process that is thrown away: Ansible reads its settings when it is imported.
    for name in subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, check=True, text=True
    ).stdout.split():
        importlib.import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket"))
    listener.listen(64)
    client = folder / "python"
    client.write_text(CLIENT.format(interpreter=sys.executable, address=str(folder / "socket")))
    client.chmod(0o755)
    compiled = folder / "compiled"
    compiled.mkdir()
    # Nothing of it is ever freed, and pages that nobody touches are not copied.
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        readable = select.select([listener, sys.stdin], [], [])[0]
        if sys.stdin in readable:
            return
        connection = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            arguments = become(connection)
            keep_compiled(compiled)
            random.seed()
            sys.executable = str(client)
            end(status_of(arguments))
        connection.close()


def become(connection: socket.socket) -> list[str]:
    """Become what was asked for, in a process that only watches, and never returns, and in one that runs the script."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    files, (folder, mask, count, *texts) = receive(connection)
    runner = os.fork()
    if runner:
        for file in files:
            os.close(file)
        watch(connection, runner)
    connection.close()
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.umask(int(mask))
    os.chdir(folder)
    arguments = [os.fsdecode(text) for text in texts[: int(count)]]
    environment = dict(text.split(b"=", 1) for text in texts[int(count) :])
    if arguments and arguments[0].startswith("-"):
        os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606  # as it was asked for
    os.environb.clear()
    os.environb.update(environment)
    return arguments


def receive(connection: socket.socket) -> tuple[array.array[int], list[bytes]]:
    """The caller's open files, and its folder, mask, number of arguments, arguments and environment."""
    files = array.array("i")
    size, ancillary, *_flags = connection.recvmsg(4, socket.CMSG_SPACE(3 * files.itemsize))
    for _level, _kind, content in ancillary:
        files.frombytes(content)
    length, parts = int.from_bytes(size, "big"), b""
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            os._exit(1)
        parts += part
    return files, parts.split(b"\0")


def watch(connection: socket.socket, runner: int) -> None:
    """Hand signals on, and tell in the end what became of it. Where nobody is left to tell, it was killed."""
    ended = os.pidfd_open(runner)
    while True:
        readable = select.select([ended, connection], [], [])[0]
        if ended in readable:
            break
        received = connection.recv(1)
        try:
            os.killpg(runner, received[0] if received else signal.SIGKILL)
        except ProcessLookupError:
            # It has no group of its own yet.
            os.kill(runner, received[0] if received else signal.SIGKILL)
        if not received:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    try:
        connection.sendall(bytes((ord("s"), -code)) if code < 0 else bytes((ord("e"), code)))
    except OSError:
        os._exit(1)
    os._exit(0)


def run(arguments: list[str]) -> None:
    """The script that the first argument names, or with none, as modules come with pipelining, the one on standard input."""
    if "PYTHONPATH" in os.environ:
        sys.path[1:1] = os.environ["PYTHONPATH"].split(os.pathsep)
    if arguments:
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).resolve().parent)
        runpy.run_path(arguments[0], run_name="__main__")
        return
    sys.argv = [""]
    sys.path[0] = ""
    script = types.ModuleType("__main__")
    sys.modules["__main__"] = script
    exec(compile(sys.stdin.read(), "<stdin>", "exec"), script.__dict__)  # noqa: S102  # as it was asked for


def status_of(arguments: list[str]) -> int:
    """Run it, and tell the exit status as the interpreter would."""
    try:
        run(arguments)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001  # as the interpreter does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def end(status: int) -> Never:
    """Without taking apart all that was imported, which takes longer than most scripts."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


def keep_compiled(folder: Path) -> None:
    """Modules are compiled from their zip file each time. Not here: what was compiled before is found by its source."""
    compile_source = zipimport._compile_source  # type: ignore[attr-defined]

    def compiled(path: str, source: bytes) -> Any:
        kept = folder / hashlib.sha256(source).hexdigest()
        try:
            return marshal.loads(kept.read_bytes())  # noqa: S302  # written below
        except FileNotFoundError:
            code: CodeType = compile_source(path, source)
            # In one step, since others look at the same time.
            made = kept.with_suffix(f".{os.getpid()}")
            made.write_bytes(marshal.dumps(code))
            made.replace(kept)
            return code

    zipimport._compile_source = compiled  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
