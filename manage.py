#!/usr/bin/env python
"""Django's command line; brings up the embedded services that the command needs."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")
    try:
        # Importing this reads the settings, so that a bad environment variable ends in its own
        # sentence instead of a traceback through Django's command loader.
        from yadopera.embedded import services_for_command

        with services_for_command(sys.argv[1:]):
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
