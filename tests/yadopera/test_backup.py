"""A backup holds everything, and comes back whole or not at all."""

import json
import stat
import zipfile

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from facilities.models import Facility
from faq.models import Faq, FaqTranslation
from yadopera import backup
from yadopera.backup import BackupError, restore_backup, write_backup


@pytest.fixture
def other_connection(db):
    """Sees what is committed: the two inns, which all tests share."""
    own = connection.get_new_connection(connection.get_connection_params())
    yield own
    own.close()


@pytest.fixture
def file(other_connection, tmp_path):
    path = tmp_path / "backup.zip"
    write_backup(other_connection, path)
    return path


@pytest.fixture
def here(db):
    """The test's own transaction, which is rolled back."""
    connection.ensure_connection()
    return connection.connection


def rewritten(file, name, change):
    """The backup with one of its members changed."""
    target = file.with_name("rewritten.zip")
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(target, "w") as copy:
        for member in source.namelist():
            text = source.read(member).decode()
            copy.writestr(member, change(text) if member == name else text)
    return target


def contents():
    return {
        model: list(model.objects.order_by("pk").values_list())
        for model in (Facility, Faq, FaqTranslation)
    }


def test_what_was_changed_and_deleted_since_comes_back(file, here):
    before = contents()
    sequence = backup.sequences(here)["faq_faq_id_seq"]
    Facility.objects.filter(slug="maple").delete()
    Facility.objects.update(name="changed")
    assert contents() != before
    connection.check_constraints()  # what the end of a transaction would do

    manifest = restore_backup(here, file, replace=True)

    assert contents() == before
    assert manifest.tables["facilities_facility"].rows == 2
    assert backup.sequences(here)["faq_faq_id_seq"] == sequence
    # Vectors, arrays and generated columns included: each table is compared as text.
    assert any(table.rows for name, table in manifest.tables.items() if "translation" in name)


def test_nobody_else_may_read_it_and_nothing_is_overwritten(file, other_connection):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(BackupError, match="exists already"):
        write_backup(other_connection, file)


def test_a_database_with_rows_is_refused(file, here):
    before = contents()

    with pytest.raises(BackupError, match=r"not empty \(.*--replace"):
        restore_backup(here, file)
    assert contents() == before


def test_an_empty_database_needs_no_permission(file, here):
    before = contents()
    filled = [name for name in backup.table_names() if name not in backup.MADE_BY_MIGRATE]
    here.execute(f"TRUNCATE {', '.join(filled)}")

    restore_backup(here, file)

    assert contents() == before


def test_another_state_of_the_migrations_is_refused_and_named(file, here):
    here.execute("DELETE FROM django_migrations WHERE name = '0001_backups'")
    with pytest.raises(BackupError, match=r"yadopera\.0001_backups, which the database lacks"):
        restore_backup(here, file, replace=True)
    here.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('faq', '9', now())")
    with pytest.raises(BackupError, match=r"faq\.9, which the backup lacks"):
        restore_backup(here, file, replace=True)


def test_a_database_without_tables_is_told_what_it_needs(file, here):
    here.execute("SET LOCAL search_path TO pg_catalog")

    with pytest.raises(BackupError, match=r"run manage\.py migrate first"):
        restore_backup(here, file)


def without_inns(text):
    return ""


def other_name(text):
    return text.replace("もみじ荘", "もみじ壮")


def torn_row(text):
    return text.replace("\t", " ", 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without_inns, "refer to others that it does not hold"),
        (other_name, "is not what was written"),
        (torn_row, "cannot be read"),
    ],
)
def test_a_damaged_backup_changes_nothing(file, here, change, told):
    before = contents()
    damaged = rewritten(file, "tables/facilities_facility.copy", change)

    with pytest.raises(BackupError, match=told):
        restore_backup(here, damaged, replace=True)
    assert contents() == before


def test_what_is_no_backup_is_told(file, here, tmp_path):
    other = tmp_path / "other.zip"
    other.write_text("not a zip")
    for path in (other, rewritten(file, "manifest.json", lambda text: "{}")):
        with pytest.raises(BackupError, match="no backup, or a damaged one"):
            restore_backup(here, path, replace=True)
    with pytest.raises(BackupError, match="cannot be read"):
        restore_backup(here, tmp_path / "missing.zip")
    old = rewritten(
        file, "manifest.json", lambda text: json.dumps(json.loads(text) | {"format": 0})
    )
    with pytest.raises(BackupError, match="another version of Yadopera"):
        restore_backup(here, old, replace=True)


def test_a_backup_that_breaks_off_leaves_no_file(other_connection, tmp_path, monkeypatch):
    def fail(_connection):
        raise psycopg.OperationalError

    monkeypatch.setattr(backup, "sequences", fail)
    with pytest.raises(psycopg.OperationalError):
        write_backup(other_connection, tmp_path / "backup.zip")
    assert list(tmp_path.iterdir()) == []


def test_the_commands_say_what_they_did_and_what_is_wrong(tmp_path, capsys, db):
    from yadopera.models import Backup

    file = tmp_path / "backup.zip"
    call_command("backup", str(file))

    made = Backup.objects.get()
    assert made.size == file.stat().st_size
    assert capsys.readouterr().out.startswith(f"{made.rows} rows of ")
    with pytest.raises(CommandError, match="not empty"):
        call_command("restore", str(file))
