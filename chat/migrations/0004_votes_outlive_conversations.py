from django.db import migrations


def keep_what_votes_are_about(apps, schema_editor):
    """Which FAQ and which guest a vote is of, now kept with the vote."""
    schema_editor.execute(
        """
        UPDATE chat_guestfeedback vote SET
            guest = message.conversation_id,
            faq_id = CASE WHEN message.source IN ('faq', 'generated', 'scan_code')
                THEN message.matched_faq_ids[1] END
        FROM chat_message message WHERE message.id = vote.message_id AND vote.guest IS NULL
        """
    )


class Migration(migrations.Migration):
    # On its own, so that the tables are not locked for the length of it.
    dependencies = [("chat", "0003_staff_in_conversations")]

    operations = [migrations.RunPython(keep_what_votes_are_about, migrations.RunPython.noop)]
