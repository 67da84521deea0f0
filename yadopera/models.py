"""What an operator keeps of the installation itself."""

from django.db import models
from django.utils import timezone


class Backup(models.Model):
    """That `manage.py backup` has written a file; the file is the operator's."""

    made_at = models.DateTimeField(default=timezone.now)
    rows = models.PositiveBigIntegerField()
    #: Of the file.
    size = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M}"
