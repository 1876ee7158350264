"""What is asked of endpoint and dashboard beside rows and pages gives nothing and changes nothing."""

import http.client

import pytest
from doors import PROJECT, Doors

PATHS = (
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static/../../../../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/media/../../../../etc/passwd",
    "/media/x.csv",
    "/component/../../../../etc/passwd",
    "/component/x/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/app/static/../../../../etc/passwd",
    "/projects/../../../../etc/passwd",
    "/projects/%2e%2e%2f%2e%2e/health",
    "/projects/..%5c..%5c/health",
    f"/projects/{PROJECT}%00/health",
    f"/projects/{PROJECT}/../../health/../../etc/passwd",
    "/file:///etc/passwd",
    "/_stcore/upload_file/x/y",
    "/_stcore/../../../etc/passwd",
)


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)  # leaves the dots as they are
    connection.request(method, path, body=body)
    answer = connection.getresponse()
    said = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, said


@pytest.mark.parametrize("path", PATHS)
def test_no_file_of_the_machine_is_given(doors: Doors, path: str) -> None:
    for port in (doors.layout.serving_port, doors.layout.dashboard_port, doors.layout.mlflow_port, doors.layout.port):
        assert "root:" not in ask(port, "GET", path)[1]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"])
def test_the_endpoint_is_changed_by_no_method(doors: Doors, method: str) -> None:
    for path in ("/", "/health", "/invocations", f"/projects/{PROJECT}/health", f"/projects/{PROJECT}/invocations"):
        assert ask(doors.layout.serving_port, method, path)[0] in (400, 404, 405, 501)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/metrics", "/debug", "/admin", "/models"])
def test_the_endpoint_says_nothing_that_was_not_meant(doors: Doors, path: str) -> None:
    assert ask(doors.layout.serving_port, "GET", path)[0] == 404


def test_the_dashboards_page_without_its_password_holds_nothing_of_the_store(doors: Doors) -> None:
    status, page = ask(doors.layout.dashboard_port, "GET", "/")
    assert status == 200
    assert PROJECT not in page
    for method in ("PUT", "DELETE"):
        assert ask(doors.layout.dashboard_port, method, "/_stcore/upload_file/x/y", "x")[0] >= 400
