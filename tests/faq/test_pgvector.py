"""The predecessor's deployment failed on an extension that nobody had enabled."""

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.utils import load_backend

from faq import pgvector


@pytest.fixture
def bare(own_server, db, request):
    """A connection to a database without pgvector, as a role with the rights of `request.param`."""
    settings = connection.settings_dict
    server = connection.get_connection_params() | {"dbname": "postgres"}
    server = {
        k: v for k, v in server.items() if k in {"dbname", "host", "port", "user", "password"}
    }
    with psycopg.connect(**server, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS bare")
        admin.execute("DROP ROLE IF EXISTS limited")
        admin.execute("CREATE ROLE limited LOGIN PASSWORD 'x'")
        admin.execute("CREATE DATABASE bare")
        if request.param == "may create":
            admin.execute("ALTER ROLE limited SUPERUSER")
        wrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(
            settings | {"NAME": "bare", "USER": "limited", "PASSWORD": "x"}, alias="default"
        )
        yield wrapper
        wrapper.close()
        admin.execute("DROP DATABASE bare")
        admin.execute("DROP ROLE limited")


@pytest.mark.parametrize("bare", ["may create"], indirect=True)
def test_a_role_that_may_create_it_enables_it(bare):
    assert pgvector.find_problem(bare) is None


@pytest.mark.parametrize("bare", ["may not create"], indirect=True)
def test_a_role_that_may_not_is_told_how(bare):
    assert pgvector.find_problem(bare) == pgvector.NOT_ALLOWED


@pytest.mark.parametrize("problem", [pgvector.NOT_INSTALLED, pgvector.NOT_ALLOWED])
def test_migrate_and_check_say_it_in_one_paragraph_that_names_the_fix(db, monkeypatch, problem):
    monkeypatch.setattr(pgvector, "find_problem", lambda connection: problem)

    for command, options in (("check", {}), ("migrate", {"skip_checks": False})):
        with pytest.raises(CommandError) as refused:
            call_command(command, **options)
        text = str(refused.value)
        assert problem in text
        for name in ("Railway", "Render", "server of your own", "CREATE EXTENSION vector"):
            assert name in text


def test_the_migration_itself_says_it_too(db, monkeypatch):
    monkeypatch.setattr(pgvector, "find_problem", lambda connection: pgvector.NOT_INSTALLED)

    with pytest.raises(CommandError, match="Railway"), connection.schema_editor() as editor:
        pgvector.EnablePgvector().database_forwards("faq", editor, None, None)
