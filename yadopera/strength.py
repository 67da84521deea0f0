"""Whether a secret that an operator sets could be guessed."""

from typing import Final

from django.core.exceptions import ImproperlyConfigured

#: 32 random bytes in base64, as hosts generate them, are 43 or 44 characters.
SHORTEST_KEY: Final = 40
#: Random hexadecimal digits are 16 different ones; of 40 of them hardly ever fewer than 10.
FEWEST_CHARACTERS: Final = 10
#: What examples, templates and tutorials call a secret.
GIVEAWAYS: Final = (
    "changeme",
    "django-insecure",
    "example",
    "insecure",
    "notsecure",
    "password",
    "placeholder",
    "replaceme",
    "secretkey",
    "yoursecret",
)


def refuse_weak(name: str, secret: str, *, shortest: int = SHORTEST_KEY) -> None:
    """Raises ImproperlyConfigured when `secret`, the variable `name`, is short, is written in few
    characters, repeats itself or is what an example calls one. It is not quoted."""
    plain = secret.lower().translate(dict.fromkeys(map(ord, " -_.")))
    is_example = any(word.replace("-", "") in plain for word in GIVEAWAYS)
    repeats = (secret + secret).find(secret, 1) < len(secret)
    has_few = len(set(secret)) < FEWEST_CHARACTERS
    if len(secret) < shortest or is_example or repeats or has_few:
        raise ImproperlyConfigured(
            f"{name} must be a random text of {shortest} characters or more that nobody can guess. "
            "This makes one: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
