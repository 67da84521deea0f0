"""The web process."""

import os
from pathlib import Path

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))

worker_class = "asgi"
# Loaded once and shared by all web processes: the model that reads questions alone takes 30 MB.
preload_app = True
# A host names the PORT on which it looks for us; without one this is somebody's own machine.
bind = f"0.0.0.0:{os.environ['PORT']}" if os.environ.get("PORT") else "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Open event streams count as connections.
worker_connections = 5000
# A restart waits this long for answers under way; a host kills after 30 s.
graceful_timeout = 20
keepalive = 5
# What it says goes the way of all log lines; it writes no access log, yadopera/access.py does.
logconfig_dict = {
    "loggers": {"gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True}},
}
# Nobody here controls a running server through a socket in the home folder.
control_socket_disable = True
