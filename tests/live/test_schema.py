"""Requests made up from the API's own description."""

import hypothesis
import schemathesis
from hypothesis import HealthCheck

REQUESTS = 200


def made_up_requests(live, headers=None, *, leave_out=()):
    """Send some to every operation; returns the states of the answers, none of them a fault."""
    schema = schemathesis.openapi.from_url(f"{live.url}/openapi.json")
    found = [found.ok() for found in schema.get_all_operations()]
    operations = [operation for operation in found if operation.path not in leave_out]
    states = []

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
            response = case.call(base_url=live.url, headers=headers)
            states.append(response.status_code)
            assert response.status_code < 500, response.text
            if response.status_code >= 400:
                assert set(response.json()) == {"error", "detail"}

        ask()

    assert len(states) >= REQUESTS
    return states


def test_generated_requests_meet_no_fault(live):
    assert {200, 401, 404, 422} <= set(made_up_requests(live))


def test_those_of_an_owner_neither(live, owner):
    token = {"Authorization": owner.headers["Authorization"]}

    states = made_up_requests(live, token, leave_out={"/api/v1/auth/logout"})

    assert {200, 201, 404, 422} <= set(states)
