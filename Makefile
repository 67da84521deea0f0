# The two commands of a new machine are `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/tools

.PHONY: run test test-staging browser lint messages lock audit eval bench learn chaos rehearse screenshots clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: PYTHON=python3.12 make run"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Stamps: installing again takes a minute, looking at two files takes none.
$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(VENV)/.installed $@

$(TOOLS)/.installed: requirements-tools.txt | $(BIN)/python
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check -r requirements-tools.txt
	@touch $@

# The browser of the browser tests: Debian's, with a font for all seven languages, or Playwright's.
browser: $(VENV)/.installed-dev
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		export DEBIAN_FRONTEND=noninteractive; sudo=$$([ $$(id -u) = 0 ] || echo "sudo -n"); \
		$$sudo apt-get -qq update && $$sudo apt-get -qq install -y chromium fonts-noto-cjk; \
	} >/dev/null 2>&1 || $(BIN)/playwright install chromium

run: $(VENV)/.installed ## everything on this machine: web, worker, beat, database, demo inn
	@exec $(BIN)/python manage.py run

# Four parts side by side, each with services of its own: those that start the whole of Yadopera wait
# for most of their time, and one processor alone would take a quarter of an hour for the others.
# They are cut so that all end together.
DESK := tests/facilities tests/nightqueue
LIVE := tests/yadopera tests/live
BROWSER := tests/live/browser tests/live/test_run.py
TRAINED := $(CURDIR)/.yadopera/trained
test: $(VENV)/.installed-dev browser ## every test, against a real PostgreSQL, Redis and Celery worker
	@# What reads questions is trained once for all of them, and lent by tests/conftest.py.
	@YADOPERA_HOME=$(TRAINED) $(BIN)/python manage.py build
	@# Each with a folder for temporary files, too: pytest closes the one they would share when it begins.
	@run() { part=$$1; shift; folder=$$(mktemp -d); \
		YADOPERA_TEST_HOME=$(CURDIR)/.yadopera/test-$$part PYTEST_DEBUG_TEMPROOT=$$folder \
		$(BIN)/python -m pytest "$$@" > .yadopera/test-$$part.log 2>&1; \
		code=$$?; rm -rf $$folder; return $$code; }; \
	run browser $(BROWSER) & browser=$$!; \
	run live $(LIVE) $(addprefix --ignore=,$(BROWSER)) & live=$$!; \
	run desk $(DESK) & desk=$$!; \
	$(BIN)/python -m pytest $(addprefix --ignore=,$(LIVE) $(DESK)); rest=$$?; \
	wait $$desk; desk=$$?; wait $$live; live=$$?; wait $$browser; browser=$$?; \
	cat $(foreach part,desk live browser,.yadopera/test-$(part).log); \
	exit $$((rest || desk || live || browser))

# What comes after ARGS= goes to pytest: make test-staging DATABASE_URL=… ARGS="tests/faq -x"
test-staging: $(VENV)/.installed-dev ## the tests on a staging site's server, beside its data (docs/operations.md)
	@$(BIN)/python -m tests.staging $(ARGS)

lint: $(VENV)/.installed-dev ## format, lint, dangers, types, Django's checks, migrations that are missing or lock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml .
	$(BIN)/mypy .
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py lintmigrations --settings=tests.lint_settings
	@$(BIN)/python -m tests.translations

messages: $(VENV)/.installed-dev ## collect what staff read into locale/ (needs gettext), and compile it
	$(BIN)/python manage.py makemessages --locale ja --no-location --no-wrap
	@$(BIN)/python -m tests.translations --compile

# What is written in the .in files stays as it is; what that needs moves only with `make lock UPGRADE=1`.
# For every system and every Python from 3.11 on, whichever this machine has.
lock: $(TOOLS)/.installed ## resolve the .in files into requirements*.txt, with hashes
	@for name in requirements requirements-dev requirements-tools; do \
		$(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		$(if $(UPGRADE),--upgrade) $$([ $$name = requirements ] || echo -c requirements.txt) \
		$$name.in --output-file $$name.txt || exit 1; \
	done

audit: $(TOOLS)/.installed ## known vulnerabilities of what is installed (asks the advisory services)
	@$(BIN)/python -m tests.audit $(TOOLS)/bin/pip-audit requirements-dev.txt requirements-tools.txt

eval: $(VENV)/.installed ## answer an evaluation set and print its scores: make eval DIR=path
	@test -n "$(DIR)" || { echo "Which set? make eval DIR=path/to/set"; exit 1; }
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py evaluate $(DIR)

bench: $(VENV)/.installed-dev browser ## measure the tables of docs/performance.md, now: forty minutes
	@$(BIN)/python -m tests.bench
	@echo
	@$(BIN)/python -m tests.bench_load
	@echo
	@$(BIN)/python -m tests.bench_search
	@echo
	@$(BIN)/python -m tests.bench_page
	@echo
	@$(BIN)/python -m tests.bench_files
	@echo
	@$(BIN)/python -m tests.bench_staff

learn: $(VENV)/.installed-dev ## simulate months at an inn that learns, print and draw them (docs/learning.md): four minutes
	@$(BIN)/python -m tests.learn

chaos: $(VENV)/.installed-dev ## kill what it is made of while guests ask (docs/reliability.md): a quarter of an hour
	@$(BIN)/python -m tests.chaos

screenshots: $(VENV)/.installed-dev browser ## take the pictures of README.md anew
	@$(BIN)/python -m tests.screenshots

# What comes after ARGS= goes to it: make rehearse ARGS="--trained .yadopera/trained", as CI does.
rehearse: $(VENV)/.installed-dev ## act out a host: clean copy, release, smoke, release again under traffic
	@$(BIN)/python -m tests.rehearse $(ARGS)

clean: ## the virtual environment; .yadopera/ holds conversations and is left alone
	rm -rf $(VENV)
