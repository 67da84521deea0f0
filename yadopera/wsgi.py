"""For hosts that only speak WSGI. Streams need `yadopera.asgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")

application = get_wsgi_application()
