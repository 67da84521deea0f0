"""What FAQs tell the apps to the right of them."""

from django.dispatch import Signal

#: FAQs were made, changed or deleted. Sent inside the transaction that does so, with `revisions`, a
#: list of `FaqRevision`.
faqs_changed = Signal()
