"""How gunicorn is told to run the web process."""

import asyncio
import contextlib
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


@contextlib.contextmanager
def listening(welcome):
    """(event loop of a worker, socket at which it listens)."""
    configuration = SimpleNamespace(**runpy.run_path(str(ROOT / "gunicorn.conf.py")))
    loop = uvloop.new_event_loop()
    worker = SimpleNamespace(loop=loop, servers=[])
    configuration.post_worker_init(worker)
    door = socket.create_server(("127.0.0.1", 0))
    worker.servers.append(loop.run_until_complete(loop.create_server(welcome, sock=door)))
    yield loop, door
    for server in worker.servers:
        server.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_newcomers_wait_where_asyncio_would_have_most_of_them_dropped():
    with listening(asyncio.Protocol) as (_loop, door):
        assert most_waiting(door) >= 2000


def test_a_busy_loop_lets_in_many_newcomers_at_each_turn():
    let_in = []

    def welcome():
        let_in.append(asyncio.Protocol())
        return let_in[-1]

    async def turn():
        await asyncio.sleep(0)

    with listening(welcome) as (loop, door), contextlib.ExitStack() as crowd:
        for _ in range(12):
            crowd.enter_context(socket.create_connection(door.getsockname()))
        loop.run_until_complete(turn())
        loop.run_until_complete(turn())
        assert len(let_in) == 12
