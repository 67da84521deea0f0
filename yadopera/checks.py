"""What `check --deploy` says beyond Django's own checks."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags, Warning, register


@register(Tags.security, deploy=True)
def check_proxy(app_configs: Any, **options: Any) -> list[Warning]:
    """The web process speaks HTTP only: where guests use HTTPS a proxy stands before it."""
    if settings.TRUSTED_PROXY_COUNT or not settings.PUBLIC_BASE_URL.startswith("https:"):
        return []
    return [
        Warning(
            "PUBLIC_BASE_URL is https, so a proxy stands before the web process, and "
            "TRUSTED_PROXY_COUNT does not count it: all callers share one rate limit, and nobody "
            "is redirected to HTTPS.",
            hint="Set TRUSTED_PROXY_COUNT to 1 on Render, on Railway and behind one nginx.",
            id="yadopera.W001",
        )
    ]
