import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("faq", "0008_how_questions_ended"),
    ]

    operations = [
        migrations.AddField(
            model_name="faqwording",
            name="confirmed_by",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="faqwording",
            name="disputed_by",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="faqwording",
            name="kept_against",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.CreateModel(
            name="DeclinedWording",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.BigIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "faq",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="declined_wordings",
                        to="faq.faq",
                    ),
                ),
            ],
            options={
                "verbose_name": "wording not wanted",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("faq", "key"), name="declined_wording_once_per_faq"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OfferedWording",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("message_id", models.BigIntegerField(unique=True)),
                ("conversation", models.BigIntegerField()),
                ("guest", models.BigIntegerField()),
                (
                    "language",
                    models.CharField(
                        choices=[
                            ("ja", "日本語"),
                            ("en", "English"),
                            ("zh-TW", "繁體中文"),
                            ("zh-CN", "简体中文"),
                            ("ko", "한국어"),
                            ("fr", "Français"),
                            ("es", "Español"),
                        ],
                        max_length=5,
                        verbose_name="language",
                    ),
                ),
                ("text", models.CharField(max_length=200)),
                ("key", models.BigIntegerField()),
                (
                    "evidence",
                    models.CharField(
                        choices=[
                            ("thumbs_up", "called helpful"),
                            ("asked_no_more", "asked no more"),
                        ],
                        max_length=20,
                    ),
                ),
                ("confidence", models.FloatField()),
                ("asked_at", models.DateTimeField()),
                (
                    "faq",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="offered_wordings",
                        to="faq.faq",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["conversation"], name="offered_wording_conversation")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("evidence__in", ["thumbs_up", "asked_no_more"])),
                        name="offered_wording_evidence_known",
                    )
                ],
            },
        ),
    ]
