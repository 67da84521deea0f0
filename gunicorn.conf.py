"""The web process."""

import functools
import os
import resource
import socket
from pathlib import Path
from typing import Any

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))

worker_class = "asgi"
# Loaded once and shared by all web processes: the model that reads questions alone takes 30 MB.
preload_app = True
# A host names the PORT on which it looks for us; without one this is somebody's own machine.
bind = f"0.0.0.0:{os.environ['PORT']}" if os.environ.get("PORT") else "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Each open event stream is a file, and many systems allow 1,024 unless asked. How many requests a
# process holds open is decided in yadopera/asgi.py: this worker class knows no limit of its own.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
_files = 10_000 if _hard == resource.RLIM_INFINITY else min(_hard, 10_000)
if resource.RLIM_INFINITY != _soft < _files:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_files, _hard))
# So many newcomers wait to be let in, as many as Linux keeps unless it is told otherwise. Beyond
# them it drops connections without a word, and a phone waits for a minute.
backlog = 4096
NEWCOMERS_A_TURN = 16
# A restart waits this long for answers under way; a host kills after 30 s.
graceful_timeout = 20
keepalive = 5
# What it says goes the way of all log lines; it writes no access log, yadopera/access.py does.
logconfig_dict = {
    "loggers": {"gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True}},
}
# Nobody here controls a running server through a socket in the home folder.
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """Has the worker keep a queue of `backlog`, of which it makes asyncio's 100, and let in many at
    each turn of its loop: uvloop lets in one for each socket, and a turn may take 50 ms."""
    listen = functools.partial(worker.loop.create_server, backlog=backlog)

    async def listen_often(protocol: Any, *, sock: socket.socket, **options: Any) -> Any:
        for _ in range(NEWCOMERS_A_TURN - 1):
            worker.servers.append(await listen(protocol, sock=sock.dup(), **options))
        return await listen(protocol, sock=sock, **options)

    worker.loop.create_server = listen_often
