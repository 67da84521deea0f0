from django.db import migrations

from faq.pgvector import EnablePgvector


class Migration(migrations.Migration):
    """pgvector, before the first table that needs it."""

    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [EnablePgvector()]
