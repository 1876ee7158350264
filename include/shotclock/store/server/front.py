"""MLflow's pages begin with the experiments, in its view of models: by themselves MLflow 3's show what prompts have.

Which view a browser shows, it keeps in a store of its own, and MLflow has no setting for where it begins. So the first page
that MLflow's server gives says it, where neither the address nor the browser knows better: what a person has chosen stays.
"""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.datastructures import Authorization

HOOK = f"{__name__}:who_asks"
"""For `authorization_function` in the settings of MLflow's app `basic-auth`."""
_BEGINS = {  # MLflow 3.17's own names; tests/integration/test_mlflow_login.py sees whether they still do it
    "mlflow.workflowType_v1": json.dumps("machine_learning"),
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",  # else it opens a pane to chat with a model that is not there
    "mlflow.telemetry.info.alert.dismissed_v1": "true",  # it says that usage data are collected: config/common.env forbids that
}
_SCRIPT = (
    f"<script>for (const [name, value] of Object.entries({json.dumps(_BEGINS)})) "
    "if (localStorage.getItem(name) === null) localStorage.setItem(name, value);"
    'if (!location.hash) history.replaceState(null, "", "#/experiments")</script>'
)


def who_asks() -> "Authorization | Response":
    """Called by MLflow for each request, in Flask's context: the login, or the answer that refuses it."""
    from mlflow.server.auth import authenticate_request_basic_auth

    begin_with_models()
    asked: Authorization | Response = authenticate_request_basic_auth()
    return asked


def begin_with_models() -> None:
    """Have the answer to this request, where that is MLflow's page, begin with the view of models."""
    from flask import after_this_request, request

    if request.method == "GET" and request.path.endswith("/"):
        after_this_request(_begun)


def _begun(answer: "Response") -> "Response":
    if answer.status_code == 200 and answer.mimetype == "text/html":
        answer.direct_passthrough = False
        answer.set_data(answer.get_data(as_text=True).replace("<head>", f"<head>{_SCRIPT}", 1))
    return answer
