"""`make run`: everything a newcomer needs, in one terminal."""

import contextlib
import io
import json
import os
import secrets
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections
from honcho.environ import parse_procfile
from honcho.manager import Manager
from redis.exceptions import RedisError

from facilities.models import Facility, SiteKey, User
from facilities.services import add_owner
from faq.demo import SLUG, load_demo
from yadopera.celery import HEARTBEAT_KEY
from yadopera.static_files import collect_static_files

#: In the environment of every process started here, so that a killed run's are found again.
MARK = "YADOPERA_RUN"
PROCESSES = ("web", "worker", "beat")
OWNER_EMAIL = f"owner@{SLUG}.example.com"
READY_SECONDS = 120


class Command(BaseCommand):
    help = "Prepares the database, loads the demo inn when it is empty, starts web, worker, beat."

    def handle(self, **options: Any) -> None:
        become_the_only_run()
        refuse_taken_port()
        try:
            call_command("migrate", interactive=False, verbosity=0)
            call_command("reindex", stdout=io.StringIO())  # after an upgrade of the library
            if not Facility.objects.exists():
                make_demo()
            pages = self.pages()
            # An earlier run's would have us ready before our own worker is.
            cache.delete(HEARTBEAT_KEY)
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from None
        except RedisError as error:
            raise CommandError(f"Redis does not answer, check REDIS_URL: {error}") from None
        collect_static_files()
        connections.close_all()  # the processes below are forked and open their own
        manager = make_manager()
        threading.Thread(target=self.announce, args=(manager, pages), daemon=True).start()
        manager.loop()
        if manager.returncode not in {0, 130, 143}:  # ended by itself, not by Ctrl-C or SIGTERM
            raise CommandError("A process ended by itself; what it said last is above.")

    def announce(self, manager: Manager, pages: str) -> None:
        """Print where everything is, once it answers."""
        deadline = time.monotonic() + READY_SECONDS
        url = f"http://127.0.0.1:{settings.PORT}/api/v1/ready"
        while manager.returncode is None and time.monotonic() < deadline:
            # Not answering yet, or answering 503: not ready.
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                self.stdout.write(pages)
                self.stdout.flush()
                return
            time.sleep(0.3)
        if manager.returncode is None:
            self.stderr.write(f"Not ready after {READY_SECONDS} s: {url} says what is missing.")

    def pages(self) -> str:
        base = settings.PUBLIC_BASE_URL
        lines = ["", "Yadopera is ready. Ctrl-C ends it.", ""]
        keys = SiteKey.objects.valid().select_related("facility")
        if key := keys.filter(facility__slug=SLUG).first():
            lines.append(f"  Guests   {key.address}")
        lines += [f"  Staff    {base}/admin/", f"  API      {base}/docs"]
        if password := generated_password():
            lines.insert(-1, f"           {OWNER_EMAIL}   password: {password}")
        return "\n".join([*lines, ""])


def make_demo() -> None:
    facility = load_demo()
    if not User.objects.filter(email=OWNER_EMAIL).exists():
        password = secrets.token_urlsafe(9)
        add_owner(facility, email=OWNER_EMAIL, password=password)
        path = settings.YADOPERA_HOME / "owner-password"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(password)


def generated_password() -> str | None:
    """The owner's password of this installation, unless he has changed it since."""
    path = settings.YADOPERA_HOME / "owner-password"
    owner = User.objects.filter(email=OWNER_EMAIL).first()
    if owner is None or not path.exists():
        return None
    password = path.read_text()
    return password if owner.check_password(password) else None


def make_manager() -> Manager:
    manager = Manager()
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        MARK: str(settings.YADOPERA_HOME),
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
    }
    procfile = parse_procfile((settings.BASE_DIR / "Procfile").read_text())
    for name in PROCESSES:
        command = procfile.processes[name]
        manager.add_process(name, command, env=environment, cwd=str(settings.BASE_DIR))
    return manager


def become_the_only_run() -> None:
    """End what a killed run left behind; refuse to start beside one that lives."""
    record = settings.YADOPERA_HOME / "run.json"
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        number, started = json.loads(record.read_text())
        # The time tells a run from another program that was given its number.
        if psutil.Process(number).create_time() == started:
            raise CommandError(
                "Yadopera is already running from this folder. End that run first, or set "
                "YADOPERA_HOME and PORT for a second one."
            )
    end_leftovers()
    record.write_text(json.dumps([os.getpid(), psutil.Process().create_time()]))


def end_leftovers() -> None:
    leftovers = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(settings.YADOPERA_HOME):
                process.terminate()
                leftovers.append(process)
    _gone, alive = psutil.wait_procs(leftovers, timeout=5)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()


def refuse_taken_port() -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", settings.PORT))
        except OSError as error:
            raise CommandError(
                f"Port {settings.PORT} cannot be used ({error.strerror}). "
                f"Choose another: PORT={settings.PORT + 1} make run"
            ) from None
