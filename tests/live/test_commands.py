"""The commands of manage.py, as an operator types them."""

import os
import re
import subprocess
import sys
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.live.conftest import ROOT, free_port

QUESTIONS = {
    "ja": "チェックインは何時からできますか",
    "en": "what time can i check in",
    "zh-TW": "請問幾點可以辦理入住",
    "zh-CN": "请问几点可以办理入住",
    "ko": "체크인 몇 시부터 되나요",
    "fr": "à quelle heure peut-on faire le check-in",
    "es": "a qué hora se puede hacer el check-in",
}


def test_smoke_finds_nothing_wrong_and_calls_no_staff(live, http, demo_id):
    done = live.manage("smoke", live.url)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    not_checked = [line.split(": ")[0].split("ms ")[1] for line in lines if line[0] == "-"]
    assert not_checked == [" certificate", " http leads to https"]
    assert all(line.startswith(("ok", "-")) for line in lines)


def test_smoke_names_what_is_wrong(live):
    done = live.manage("smoke", live.url, "--slug", "no-such-inn")

    assert done.returncode != 0
    assert "facility: /api/v1/facility/no-such-inn answered 404" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_smoke_of_a_dead_server_is_one_line_each(live):
    done = live.manage("smoke", f"http://127.0.0.1:{free_port()}")

    assert done.returncode != 0
    assert "cannot be reached" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(("language", "question"), QUESTIONS.items())
def test_the_demo_inn_answers_as_the_readme_says(http, demo_id, language, question):
    assert question in (ROOT / "README.md").read_text()

    body = http.post("/api/v1/chat", json={"facility_id": demo_id, "message": question}).json()

    assert body["is_escalated"] is False
    assert body["message"]["language"] == language
    assert "15:00" in body["message"]["content"]


def test_the_readmes_other_examples_hold(live, http, demo_id):
    readme = (ROOT / "README.md").read_text()

    def ask(message, **fields):
        assert message in readme
        return http.post(
            "/api/v1/chat", json={"facility_id": demo_id, "message": message, **fields}
        ).json()

    unknown = ask("Can you lend me a surfboard for my parrot?")
    assert unknown["escalation"]["trigger_type"] == "low_confidence"
    danger = ask("my friend isn't waking up")
    assert "119" in danger["message"]["content"]
    assert danger["escalation"]["trigger_type"] == "safety_category"
    assert "QR" in ask("what is the wifi password")["message"]["content"]
    key = live.site_key()
    inside = ask("wifi password please", site_key=key)
    assert "hanamachi-2026" in inside["message"]["content"]


def test_static_files_are_compressed_and_kept(http):
    page = http.get("/f/demo")
    address = re.search(r'href="(/static/chat/guest/page\.[0-9a-f]+\.css)"', page.text)[1]

    style = http.get(address, headers={"Accept-Encoding": "gzip"})

    assert style.status_code == 200
    assert style.headers["content-encoding"] == "gzip"
    assert "immutable" in style.headers["cache-control"]
    assert http.get("/static/none.css").status_code == 404


def test_evaluate_scores_a_set_and_leaves_nothing_behind(live, http, tmp_path):
    (tmp_path / "facility.json").write_text('{"name": "E", "slug": "e", "languages": ["en"]}')
    (tmp_path / "faqs.csv").write_text(
        "category,intent_key,language_en_question,language_en_answer\n"
        "facilities,towels,Do you have towels?,Two for each guest.\n"
        "facilities,sauna,Is there a sauna?,On the roof.\n"
    )
    asked = [
        ("a", "do you have towels", "answerable", ["towels"]),
        ("b", "can you lend me a surfboard", "unanswerable", []),
        ("c", "my friend isn't waking up", "safety", []),
    ]
    (tmp_path / "questions.jsonl").write_text(
        "".join(
            f'{{"id": "{i}", "question": "{q}", "language": "en", "kind": "{k}", '
            f'"expected_intents": {e}}}\n'.replace("'towels'", '"towels"')
            for i, q, k, e in asked
        )
    )
    out = tmp_path / "answers.jsonl"

    done = live.manage("evaluate", str(tmp_path), "--answers", str(out))

    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("all"))
    assert re.findall(r"\((\d/\d)\)", row) == ["1/1", "0/3", "1/1", "1/1", "0/2"]
    assert '"matched_intents": ["towels"' in out.read_text()
    assert http.get("/api/v1/facility/e").status_code == 404


def test_evaluate_names_a_bad_line(live, tmp_path):
    (tmp_path / "questions.jsonl").write_text('{"id": "a"}\n')

    done = live.manage("evaluate", str(tmp_path))

    assert done.returncode != 0
    assert "line 1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_reindex_repairs_missing_and_outdated_vectors(live):
    with psycopg.connect(
        host=f"{live.home}/run", user="postgres", dbname="yadopera", autocommit=True
    ) as database:
        database.execute("UPDATE faq_faqtranslation SET index_version = NULL WHERE id % 2 = 0")
        database.execute("UPDATE faq_faqwording SET index_version = 1 WHERE id % 100 = 0")

        done = live.manage("reindex")

        assert done.returncode == 0, done.stderr
        assert int(done.stdout.split()[0]) > 100
        assert live.manage("reindex").stdout.startswith("0 texts")
        missing = "SELECT count(*) FROM faq_faqtranslation WHERE index_version IS NULL"
        assert database.execute(missing).fetchone() == (0,)


@pytest.mark.parametrize("command", ["import_facility", "export_facility", "evaluate", "reindex"])
def test_a_command_says_what_is_wrong_in_one_line(live, command):
    arguments = {
        "import_facility": ["/nowhere"],
        "export_facility": ["nobody", "out"],
        "evaluate": ["/nowhere"],
        "reindex": ["--slug", "nobody"],
    }[command]

    done = live.manage(command, *arguments)

    assert done.returncode != 0
    assert done.stderr.startswith("CommandError: ")
    assert len(done.stderr.splitlines()) == 1


def test_an_older_deployments_database_url_migrates_and_serves():
    """The others are tried by tests/yadopera/test_database_url.py and by `make rehearse`."""
    scheme = "postgresql+asyncpg"
    parameters = connection.get_connection_params()
    host, user = parameters.get("host", "127.0.0.1"), parameters["user"]
    name = f"form_{scheme.replace('+', '_')}"
    server = {k: parameters[k] for k in ("host", "port", "user", "password") if k in parameters}
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name}")
        admin.execute(f"CREATE DATABASE {name}")
    credentials = quote(user) + (f":{quote(server['password'])}" if "password" in server else "")
    port = f"&port={server['port']}" if "port" in server else ""
    url = f"{scheme}://{credentials}@/{name}?host={quote(str(host), safe='/')}{port}&sslmode=prefer"
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": os.environ["SECRET_KEY"],
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "YADOPERA_HOME": str(settings.YADOPERA_HOME),
    }

    def manage(*arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    for command in (["migrate"], ["check"], ["demo"]):
        done = manage(*command)
        assert done.returncode == 0, done.stderr
    serve = (
        "from django.test import Client; client = Client(headers={'host': 'localhost'}); "
        "print(client.get('/api/v1/facility/demo').status_code)"
    )
    assert manage("shell", "-c", serve).stdout.split()[-1] == "200"
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
