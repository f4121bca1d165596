# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's sshd, unpacked into a folder and run by the current user on a high port."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from .ssh_server import ClosedPort, SshKeys
from .ssh_shell import environment
from .switches import Switches

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxAuthTries {tries}
UseDNS no
PrintMotd no
PrintLastLog no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
{more}
"""
_PRIVSEP = Path("/run/sshd")


class DebianSshd:
    """The switches for SSH are read at the start; the appliance shell is not available here.

    So a shell that is disabled changes nothing here, and SSH that is disabled closes the port.
    """

    password: str | None = None

    def __init__(self, folder: Path, root: Path, switches: Switches) -> None:
        self.switches = switches
        self.user = getpass.getuser()
        self.keys = SshKeys.make(folder)
        self._folder = folder
        self._root = root.absolute()
        self._program = self._root / "usr/sbin/sshd"
        self._process: subprocess.Popen[bytes] | None = None
        self._former: list[subprocess.Popen[bytes]] = []
        self._port = 0
        self._closed = ClosedPort()
        if not self._program.is_file():
            raise RuntimeError(f"no sshd at {self._program}: unpack openssh-server with dpkg -x")

    def start(self) -> int:
        authorized = self._folder / "authorized_keys"
        authorized.write_text(f"{self.keys.client_public}\n")
        for _time in range(5):
            port = _free_port()
            if self._start(port):
                self._port = port
                self.keys.write_known_hosts(port)
                return port
        raise RuntimeError(f"sshd did not start: {self._said()}")

    def open(self) -> None:
        """Listen again, where that had ended."""
        if not self._closed.held:
            return
        self._closed.release()
        if not self._start(self._port):
            raise RuntimeError(f"sshd did not start again: {self._said()}")

    def close(self) -> None:
        """Refuse new connections; those that are established have processes of their own, and live on."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(5)
        self._former.append(self._process)
        self._process = None
        self._closed.hold(self._port)

    def drop(self) -> None:
        """End every connection without a word, as a network does that fails."""
        if self._process is None:
            return
        for pid in _descendants(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        self._closed.release()
        for former in self._former:
            # What is left of it are the connections that it had let in.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(former.pid, signal.SIGTERM)
        self._former.clear()
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _start(self, port: int) -> bool:
        config = self._folder / "sshd_config"
        text = _CONFIG.format(
            port=port,
            folder=self._folder,
            tries=self.switches.ssh_max_auth_failures,
            more=self._settings(),
        )
        config.write_text(text)
        arguments = [str(self._program), "-D", "-f", str(config), "-E", str(self._log)]
        if os.geteuid() == 0:
            arguments = self._in_own_namespace(arguments)
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                arguments,
                env={**os.environ, **self._libraries()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        return self._answers(port)

    def _settings(self) -> str:
        variables = environment(self.switches, self._folder / "tools")
        # Debian's bash reads the user's own .bashrc for sshd, unless it looks nested.
        chosen = {"PATH": variables["PATH"], "SHLVL": "2"}
        if "TZ" in variables:
            chosen["TZ"] = variables["TZ"]
        lines = ["SetEnv " + " ".join(f'"{name}={value}"' for name, value in chosen.items())]
        # Newer releases are several programs, and look for the others where they were installed.
        for name, option in (("sshd-session", "SshdSessionPath"), ("sshd-auth", "SshdAuthPath")):
            helper = self._root / "usr/lib/openssh" / name
            if helper.is_file():
                lines.append(f"{option} {helper}")
        return "\n".join(lines)

    def _libraries(self) -> dict[str, str]:
        """Libraries that a bare machine lacks may have been unpacked beside sshd."""
        found = sorted({str(path.parent) for path in self._root.glob("**/*-linux-gnu/*.so.*")})
        return {"LD_LIBRARY_PATH": ":".join(found)} if found else {}

    def _in_own_namespace(self, arguments: list[str]) -> list[str]:
        """As root, sshd insists on a folder, a user and an unlocked account of the system.

        Those are put in place inside a mount namespace, so that the machine stays as it is.
        """
        if shutil.which("unshare") is None:
            return arguments
        own = self._folder / "system"
        own.mkdir(exist_ok=True)
        passwd = Path("/etc/passwd").read_text()
        if "\nsshd:" not in passwd:
            passwd += "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"
        (own / "passwd").write_text(passwd)
        (own / "shadow").touch(mode=0o600)
        (own / "shadow").write_text(f"{self.user}:*:19000:0:99999:7:::\n")
        steps = [f"mount --bind {shlex.quote(str(own / name))} /etc/{name}" for name in ("passwd", "shadow")]
        if not _PRIVSEP.is_dir():
            steps.append(f"mount -t tmpfs -o mode=755 none {_PRIVSEP.parent}")
            steps.append(f"mkdir {_PRIVSEP}")
        steps.append(f"exec {shlex.join(arguments)}")
        return ["unshare", "--mount", "sh", "-c", " && ".join(steps)]

    @property
    def _log(self) -> Path:
        return self._folder / "sshd.log"

    @property
    def _errors(self) -> Path:
        return self._folder / "sshd.err"

    def _said(self) -> str:
        texts = [path.read_text(errors="replace") for path in (self._log, self._errors) if path.exists()]
        return " ".join(" ".join(texts).split())[-500:] or "it said nothing"

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        end = time.monotonic() + 10
        while time.monotonic() < end and self._process.poll() is None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), 1) as s,
            ):
                if s.recv(4) == b"SSH-":
                    return True
            time.sleep(0.05)
        self.stop()
        return False


def _descendants(pid: int) -> list[int]:
    children = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything.
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                children.append(int(path.parent.name))
    return [each for child in children for each in (child, *_descendants(child))]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
