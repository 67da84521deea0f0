"""How gunicorn is told to run the web process."""

import asyncio
import runpy
import socket
import sys
from types import SimpleNamespace

import uvloop

from tests.live.conftest import ROOT


def most_waiting(door):
    """How many connections the system keeps at `door` until they are let in: of a socket that
    listens Linux says so in `tcpi_sacked`, which begins at byte 28 of `struct tcp_info`."""
    told = door.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    return int.from_bytes(told[28:], sys.byteorder)


def test_a_crowd_waits_to_be_let_in_where_asyncio_would_have_it_dropped():
    configuration = SimpleNamespace(**runpy.run_path(str(ROOT / "gunicorn.conf.py")))
    loop = uvloop.new_event_loop()
    configuration.post_worker_init(SimpleNamespace(loop=loop, cfg=configuration))

    door = socket.create_server(("127.0.0.1", 0))
    server = loop.run_until_complete(loop.create_server(asyncio.Protocol, sock=door))
    kept = most_waiting(door)
    server.close()
    loop.close()

    assert kept == configuration.backlog >= 2000
