"""What `make test-staging` relies on: it sees every change, and stays in its own schema."""

import psycopg
import pytest
from django.db import connection

from tests import conftest, staging
from yadopera.database_url import parse_database_url

APART = "yadopera_apart"


@pytest.fixture
def site(db):
    """A connection that changes what all see, in a schema that is dropped afterwards."""
    parameters = connection.get_connection_params()
    with psycopg.connect(**{k: v for k, v in parameters.items() if k != "context"}) as own:
        own.autocommit = True
        own.execute(f"CREATE SCHEMA {APART}")
        own.execute(f"SET search_path TO {APART}")
        own.execute("CREATE TABLE inn (id int GENERATED ALWAYS AS IDENTITY, name text)")
        own.execute("INSERT INTO inn (name) VALUES ('sakura'), ('maple')")
        yield own
        own.execute(f"DROP SCHEMA {APART} CASCADE")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE inn SET name = 'kaede' WHERE id = 2", "inn: "),
        ("DELETE FROM inn", "inn: "),
        ("ALTER TABLE inn ADD phone text", "inn: "),
        ("DROP TABLE inn", "not there after"),
        ("CREATE TABLE left_behind (id int)", "left_behind: not there before"),
        ("SELECT nextval('inn_id_seq')", "(sequence)"),
    ],
)
def test_every_change_is_seen_and_named(site, change, told):
    before = staging.contents(site, "")
    site.execute(change)

    changes = staging.changes(before, staging.contents(site, ""))
    assert changes
    assert any(told in line for line in changes)
    assert all(APART in line for line in changes)


def test_rows_that_only_moved_have_not_changed(site):
    before = staging.contents(site, "")
    site.execute("UPDATE inn SET name = name WHERE id = 1")

    assert staging.changes(before, staging.contents(site, "")) == []


def test_its_own_place_is_left_out(site):
    assert not any(name.startswith(APART) for name in staging.contents(site, APART))


def test_sessions_look_into_the_own_schema_first_and_keep_the_sites_options():
    url = staging.with_search_path("postgresql://u@h/d?sslmode=require", "own", "public")

    options = parse_database_url(url)["OPTIONS"]
    assert options["options"] == "-c search_path=own,public"
    assert options["sslmode"] == "require"


def test_tests_do_not_begin_where_they_would_write_into_the_site(site):
    """The schema is there, and is not where an unnamed table would be made."""
    site.execute("CREATE TABLE django_migrations (id int)")

    with pytest.raises(pytest.exit.Exception, match="does not begin with"):
        conftest.stay_in(APART)
