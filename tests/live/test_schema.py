"""Requests made up from the API's own description."""

import hypothesis
import schemathesis
from hypothesis import HealthCheck

REQUESTS = 200


def test_generated_requests_meet_no_fault(live):
    schema = schemathesis.openapi.from_url(f"{live.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    asked = []

    for operation in operations:

        @hypothesis.settings(
            max_examples=-(-REQUESTS // len(operations)),
            database=None,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def ask(case):
            response = case.call(base_url=live.url)
            asked.append(response.status_code)
            assert response.status_code < 500, response.text
            if response.status_code >= 400:
                assert set(response.json()) == {"error", "detail"}

        ask()

    assert len(asked) >= REQUESTS
    assert {200, 404, 422} <= set(asked)
