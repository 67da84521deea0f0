"""The embedded services come up, are shared, are stopped, and recover from being killed."""

import os
import signal
import subprocess
import sys
import time

import psutil
import psycopg
import pytest
import redis

from yadopera.embedded import EmbeddedError, Paths, Postgres, Redis, is_alive, running


@pytest.fixture
def paths(tmp_path):
    # pytest's folders are closed to other accounts, among them the one PostgreSQL runs as.
    return Paths(tmp_path / "home")


def rows(paths, *queries):
    *changes, question = queries or ("SELECT 1",)
    with psycopg.connect(paths.database_url) as connection:
        for change in changes:
            connection.execute(change)
        return connection.execute(question).fetchall()


def server_pid(paths):
    return int((paths.postgres / "postmaster.pid").read_text().split("\n")[0])


def test_postgres_comes_up_with_pgvector_and_is_stopped_by_its_last_user(paths):
    with running(Postgres(paths)):
        with running(Postgres(paths)):
            rows(paths, "CREATE EXTENSION vector", "SELECT 1")
        assert rows(paths, "SELECT '[1,2]'::vector <-> '[1,2]'::vector") == [(0.0,)]
        pid = server_pid(paths)

    assert not is_alive(pid, name="postgres")
    with running(Postgres(paths)):
        assert rows(paths, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == [(1,)]


def test_postgres_listens_on_no_port(paths):
    with running(Postgres(paths)):
        assert rows(paths, "SHOW listen_addresses") == [("",)]
        assert rows(paths, "SHOW unix_socket_permissions") == [("0700",)]


def test_a_killed_postgres_recovers_with_its_data(paths):
    with running(Postgres(paths)):
        rows(paths, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)", "SELECT 1")
        family = psutil.Process(server_pid(paths))
        for process in [family, *family.children()]:
            process.kill()
        family.wait(10)

    with running(Postgres(paths)):
        assert rows(paths, "SELECT id FROM kept") == [(7,)]


def test_a_lock_file_whose_number_belongs_to_another_program_now_is_no_obstacle(paths):
    with running(Postgres(paths)):
        pass
    stale = f"{os.getpid()}\n{paths.postgres}\n1\n5432\n{paths.sockets}\n\n  1 1\nready\n"
    (paths.postgres / "postmaster.pid").write_text(stale)

    with running(Postgres(paths)):
        assert rows(paths) == [(1,)]


def test_a_start_killed_half_way_leaves_nothing_that_blocks_the_next(paths):
    unfinished = paths.postgres.with_suffix(".new")
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    with running(Postgres(paths)):
        assert rows(paths) == [(1,)]


def test_data_of_another_version_is_refused_and_left_alone(paths):
    paths.postgres.mkdir(parents=True)
    (paths.postgres / "PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedError, match="PostgreSQL 16"), running(Postgres(paths)):
        pass
    assert (paths.postgres / "PG_VERSION").read_text() == "16\n"


def test_a_home_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    paths = Paths(tmp_path / "file" / "home")

    with pytest.raises(EmbeddedError, match="YADOPERA_HOME"), running(Postgres(paths)):
        pass


def test_a_home_with_a_long_path_gets_a_short_socket(tmp_path):
    paths = Paths(tmp_path / ("x" * 60) / ("y" * 60))

    with running(Redis(paths)):
        assert redis.Redis.from_url(paths.redis_url).ping()


def test_redis_keeps_its_queue_over_a_kill(paths):
    with running(Redis(paths)):
        client = redis.Redis.from_url(paths.redis_url)
        client.rpush("queue", "task")
        time.sleep(1.1)  # what the last second brought may be lost: appendfsync everysec
        psutil.Process(client.info()["process_id"]).kill()

    with running(Redis(paths)):
        assert redis.Redis.from_url(paths.redis_url).lrange("queue", 0, -1) == [b"task"]


def test_services_of_a_killed_process_are_taken_over_and_stopped(paths):
    """The killed process never stopped them; the next one finds them, uses them, stops them."""
    script = (
        "import sys, time; from pathlib import Path; from yadopera.embedded import *\n"
        "with running(Postgres(Paths(Path(sys.argv[1])))): print('up', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(paths.home)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    pid = server_pid(paths)
    assert is_alive(pid, name="postgres")

    with running(Postgres(paths)):
        assert server_pid(paths) == pid
    assert not is_alive(pid, name="postgres")
