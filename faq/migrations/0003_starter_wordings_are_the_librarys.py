from django.db import migrations


class Migration(migrations.Migration):
    """The starter FAQs' wordings are read from the library; an inn stores none of them."""

    dependencies = [("faq", "0002_faqs")]

    operations = [
        migrations.RunSQL(
            "DELETE FROM faq_faqwording WHERE origin = 'preset'", migrations.RunSQL.noop
        )
    ]
