"""What can go wrong in the domain. `yadopera.api` turns each into the one error body."""

from typing import Any, ClassVar


class DomainError(Exception):
    """An error that a caller can act on. Nothing of it repeats what the caller sent."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "INVALID_REQUEST"

    def __init__(
        self, message: str = "", *, text: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message or text)
        #: For logs and commands.
        self.message = message or text
        #: For staff, in their language, where what guests are told of `code` says too little.
        self.text = text
        self.details = details or {}


class InvalidRequest(DomainError):
    pass


class Unauthorized(DomainError):
    status = 401
    code = "UNAUTHORIZED"


class Forbidden(DomainError):
    """It exists, and everybody may know that, but not for this caller."""

    status = 403
    code = "FORBIDDEN"


class NotFound(DomainError):
    """It does not exist, or it belongs to somebody else: both look the same."""

    status = 404
    code = "NOT_FOUND"


class RateLimited(DomainError):
    status = 429
    code = "RATE_LIMIT_EXCEEDED"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(details={"retry_after": retry_after_seconds})
        self.retry_after_seconds = retry_after_seconds


class ServiceUnavailable(DomainError):
    status = 503
    code = "SERVICE_UNAVAILABLE"


class Crowded(ServiceUnavailable):
    """More is asked than can be answered in time."""

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__("too much is asked at once")
        self.retry_after_seconds = retry_after_seconds
