"""The settings of `make lint`: with the linter of migrations, which no host needs."""

from yadopera.settings import *  # noqa: F403
from yadopera.settings import INSTALLED_APPS, LOGGING

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
# It says what it found, not what it looks at.
LOGGING["loggers"]["django_migration_linter"] = {"level": "WARNING"}  # type: ignore[index]
