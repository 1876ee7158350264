"""docker-compose.yaml without starting it: it is a compose file, nothing in it is left to chance, and it holds no secret."""

import os
import re
import subprocess
import sys

import compose
import pytest
import yaml
from compose import ROOT, TEXT, Image, RefusedError
from dotenv import dotenv_values

from shotclock_deployment import keys

SERVICES = yaml.safe_load(TEXT)["services"]
LASTING = [name for name in SERVICES if name != "init"]
OF_THE_CHART = {  # what the chart writes itself, of the secrets and the executor that it is given
    "AIRFLOW__API__BASE_URL",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CELERY__BROKER_URL",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
}
KINDS = ("Service", "Deployment")
ADDRESS = ("AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION")


def test_it_is_what_the_compose_specification_describes():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, ROOT / "docker-compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_memory_limit_a_restart_policy_and_logs_that_are_rotated(name):
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["restart"] == ("unless-stopped" if name in LASTING else "on-failure:3")
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", LASTING)
def test_every_service_that_lasts_has_a_health_check(name):
    assert SERVICES[name]["healthcheck"]["test"]


def test_ports_are_published_on_loopback_unless_told_otherwise():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in published)


@pytest.mark.parametrize("name", keys.SECRETS)
def test_without_a_key_nothing_starts_and_the_message_names_the_command_that_makes_it(name, settings):
    with pytest.raises(RefusedError, match=f'{name} is not set, run "make secrets"'):
        compose.load(TEXT, {key: value for key, value in settings.items() if key != name})


def test_no_service_has_a_secret_that_is_not_its_business(settings):
    services = compose.load(TEXT, settings)
    seen = {
        name: {key for key in keys.SECRETS if any(settings[key] in value for value in service.environment.values())}
        for name, service in services.items()
    }
    assert seen["postgres"] == {"POSTGRES_PASSWORD"}
    assert seen["redis"] == {"REDIS_PASSWORD"}
    reading = {"S3_ACCESS_KEY", "S3_SECRET_KEY", "MLFLOW_READER_PASSWORD"}
    assert seen["mlflow"] == reading | {"MLFLOW_DB_PASSWORD", "MLFLOW_WORKER_PASSWORD"}
    assert seen["endpoint"] == reading
    assert seen["dashboard"] == reading | {"DASHBOARD_PASSWORD"}
    assert {name for name, found in seen.items() if "MLFLOW_WORKER_PASSWORD" in found} == {"mlflow", "worker"}
    assert services["worker"].environment["MLFLOW_TRACKING_USERNAME"] == "worker"
    assert all("POSTGRES_PASSWORD" not in found for name, found in seen.items() if name not in ("postgres", "init"))


def test_no_secret_stands_in_a_command_line(settings):
    secrets = [settings[key] for key in keys.SECRETS]
    for service in compose.load(TEXT, settings).values():
        words = " ".join([*service.command, *(service.check.command if service.check else [])])
        assert not any(secret in words for secret in secrets), service.name


def test_one_service_makes_the_image_and_all_that_run_it_wait_for_that_one(settings):
    (maker,) = [name for name, service in SERVICES.items() if "build" in service]
    ours = {name: service for name, service in compose.load(TEXT, settings).items() if service.ours}
    assert len(ours) == 9
    assert {service.image for service in ours.values()} == {ours[maker].image}
    assert all(maker in service.needs for name, service in ours.items() if name != maker)


def test_with_a_store_of_ones_own_none_is_started(settings):
    services = compose.load(TEXT, settings | {"COMPOSE_PROFILES": ""})
    assert "s3" not in services
    assert services["init"].needs.keys() == {"postgres", "redis"}


def test_what_every_process_shares_is_not_said_a_second_time():
    shared = dotenv_values(ROOT / "config" / "common.env").keys()
    again = {name: shared & service.get("environment", {}).keys() for name, service in SERVICES.items()}
    assert not any(again.values()), again


def test_the_image_runs_as_somebody_else_than_root_and_holds_no_build_tools():
    text = (ROOT / "Dockerfile").read_text("utf-8")
    image = Image.of(text)
    assert int(image.user) > 0
    last = text.rpartition("\nFROM ")[2]
    assert not re.search(r"\b(gcc|build-essential|pip|uv)\b", last)
    assert not re.search(r"--group\s|--all-groups|--requirements? requirements.txt", text)
    for source, _ in image.copies:
        assert source == ".venv" or (ROOT / source).is_dir(), source


def test_wherever_the_image_runs_its_first_process_reaps_what_others_left():
    """Celery does not: in a pod, the child of a task that was killed, or of a probe that took too long, stayed a zombie."""
    last = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    assert 'ENTRYPOINT ["tini", "--"]' in last
    assert {name for name, service in SERVICES.items() if {"entrypoint", "init"} & service.keys()} == set()
    for item in yaml.safe_load((ROOT / "helm" / "services.yaml").read_text("utf-8"))["items"]:
        pod = item["spec"].get("template", {}).get("spec", {})
        for container in [*pod.get("initContainers", []), *pod.get("containers", [])]:
            assert "command" not in container, "in a pod, that takes the place of the entry point"


QUEUED = """
from airflow.configuration import conf
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

scheduler = SchedulerJobRunner(Job(), executors=[])
timeout, tries = scheduler._task_queued_timeout, scheduler._num_stuck_queued_retries + 1
interval = conf.getfloat("scheduler", "task_queued_timeout_check_interval")
leeway = conf.getfloat("api_auth", "jwt_leeway")
print(timeout, tries * timeout, interval < leeway)
"""


def test_a_task_that_is_long_queued_is_sent_anew_before_its_token_ends_and_fails_no_sooner_than_by_default(
    settings, tmp_path
):
    """One of the settings has no documentation: is it still read?"""
    told = compose.load(TEXT, settings)["scheduler"].environment
    ours = {name: value for name, value in told.items() if name.startswith("AIRFLOW__SCHEDULER__")}
    said = []
    for environment in ({}, ours):
        known = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(tmp_path), **environment}
        done = subprocess.run([sys.executable, "-c", QUEUED], env=known, capture_output=True, text=True, check=True)
        said.append(done.stdout.splitlines()[-1])
    assert said == ["600.0 1800.0 False", "120.0 1800.0 True"]


# make secrets


def test_keys_are_added_where_they_are_lacking_and_those_that_are_there_stay(tmp_path):
    file = tmp_path / ".env"
    file.write_text("SHOTCLOCK_PORT=8081\nREDIS_PASSWORD=mine", "utf-8")
    added = keys.complete(file)
    found = dotenv_values(file)
    assert set(added) == {*keys.SECRETS, "COMPOSE_PROFILES"} - {"REDIS_PASSWORD"}
    assert (found["SHOTCLOCK_PORT"], found["REDIS_PASSWORD"]) == ("8081", "mine")
    before = file.read_bytes()
    assert keys.complete(file) == []
    assert file.read_bytes() == before


def test_only_its_owner_can_read_the_file(tmp_path):
    previous = os.umask(0)
    try:
        keys.complete(tmp_path / ".env")
    finally:
        os.umask(previous)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_no_two_files_share_a_key_and_none_needs_quoting(tmp_path):
    made = []
    for name in ("one", "two"):
        keys.complete(tmp_path / name)
        made.append(dotenv_values(tmp_path / name))
    secrets = [value for found in made for name, value in found.items() if name != "COMPOSE_PROFILES"]
    assert len(set(secrets)) == len(secrets)
    assert all(re.fullmatch(r"[\w=-]{12,}", value) for value in secrets), "they stand in addresses"


# Kubernetes


@pytest.fixture
def elsewhere(settings):
    """The services of docker-compose.yaml as somebody sets them who has an object store of their own."""
    return compose.load(TEXT, settings | {"DATA_ADDRESS": "s3://shotclock/data", "WORKER_SLOTS": ""})


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load((ROOT / "helm" / "values.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def image():
    return Image.of((ROOT / "Dockerfile").read_text("utf-8"))


def test_the_values_for_the_helm_chart_say_the_same_settings(values, image, elsewhere):
    here = elsewhere["worker"].environment
    told = {
        f"AIRFLOW__{section}__{name}".upper(): str(value)
        for section, options in values["config"].items()
        for name, value in options.items()
    }
    known = here | image.environment
    assert {name: value for name, value in told.items() if known.get(name) != value} == {}
    named = {entry["name"]: entry["value"] for entry in values["env"]}
    everybody = elsewhere["scheduler"].environment
    differing = {name for name, value in named.items() if everybody[name] != value}
    assert differing == {"AWS_ENDPOINT_URL_S3", "AIRFLOW__CORE__HOSTNAME_CALLABLE"}
    common = {line.partition("=")[0] for line in (ROOT / "config" / "common.env").read_text("utf-8").splitlines()}
    of_compose = {name for name in everybody if name.startswith("AIRFLOW__")} - image.environment.keys() - common
    assert of_compose - told.keys() - named.keys() == OF_THE_CHART
    assert (str(values["uid"]), values["airflowHome"]) == (image.user, image.environment["AIRFLOW_HOME"])
    tag = f"{values['defaultAirflowRepository']}:{values['defaultAirflowTag']}"
    assert tag == elsewhere["worker"].image


def test_each_pod_of_the_helm_chart_has_one_login_of_mlflow_and_no_name_twice(values, elsewhere):
    """The chart puts a pod's own variables behind those of all; Helm 4 refuses a name that comes twice."""
    common = [entry["name"] for entry in values["env"]] + [entry["envName"] for entry in values["secret"]]
    workers = values["workers"]["celery"]
    pods = {
        "scheduler": "scheduler",
        "dag-processor": "dagProcessor",
        "triggerer": "triggerer",
        "api-server": "apiServer",
    }
    for name, pod in {**{name: values[pod] for name, pod in pods.items()}, "worker": workers}.items():
        own = {entry["name"]: entry for entry in pod["env"]}
        assert own.keys() == {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}
        assert own["MLFLOW_TRACKING_USERNAME"]["value"] == elsewhere[name].environment["MLFLOW_TRACKING_USERNAME"]
        assert not own.keys() & set(common)
        key = own["MLFLOW_TRACKING_PASSWORD"]["valueFrom"]["secretKeyRef"]["key"]
        assert key == f"MLFLOW_{own['MLFLOW_TRACKING_USERNAME']['value'].upper()}_PASSWORD"
    assert len(set(common)) == len(common)


def test_the_helm_charts_pods_are_probed_and_limited_as_the_services_are(values, elsewhere):
    pods = {
        "scheduler": values["scheduler"],
        "dag-processor": values["dagProcessor"],
        "triggerer": values["triggerer"],
        "worker": values["workers"]["celery"],
    }
    for name, pod in pods.items():
        assert pod["livenessProbe"]["command"] == elsewhere[name].check.command
        assert pod["logGroomerSidecar"] == {"enabled": False}, "it runs a script that our image has not"
    assert values["scheduler"]["startupProbe"]["command"] == elsewhere["scheduler"].check.command
    for name, pod in (*pods.items(), ("api-server", values["apiServer"])):
        assert pod["resources"]["limits"]["memory"].lower() == f"{SERVICES[name]['mem_limit']}i"
    for name, pod in (("worker", pods["worker"]), ("scheduler", pods["scheduler"])):
        assert pod["terminationGracePeriodSeconds"] == compose.seconds(SERVICES[name]["stop_grace_period"])
    for pod in (values["scheduler"], values["apiServer"]):
        tries = pod["startupProbe"]["failureThreshold"]
        assert tries * 10 == compose.seconds(SERVICES["scheduler"]["healthcheck"]["start_period"])


def test_the_helm_chart_makes_no_user_with_a_password_that_everybody_knows(values):
    assert values["createUserJob"] == {"enabled": False}


@pytest.mark.parametrize("name", ["mlflow", "endpoint", "dashboard"])
def test_what_runs_beside_the_helm_chart_is_what_docker_compose_runs(name, values, image, elsewhere):
    items = yaml.safe_load((ROOT / "helm" / "services.yaml").read_text("utf-8"))["items"]
    service, deployment = (next(i for i in items if i["kind"] == k and i["metadata"]["name"] == name) for k in KINDS)
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    here = elsewhere[name]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    assert f":{service['spec']['ports'][0]['port']}/" in here.check.command[-1]
    assert (container["image"], container["args"]) == (here.image, here.command)
    assert container["readinessProbe"]["exec"]["command"] == here.check.command
    assert container["resources"]["limits"]["memory"].lower() == f"{SERVICES[name]['mem_limit']}i"
    assert str(pod["spec"]["securityContext"]["runAsUser"]) == image.user
    plain = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
    assert {key for key, value in plain.items() if here.environment[key] != value} == {"AWS_ENDPOINT_URL_S3"}
    assert {key: plain[key] for key in ADDRESS} == {
        e["name"]: e["value"] for e in values["env"] if e["name"] in ADDRESS
    }
    secret = {entry["name"] for entry in container["env"] if "valueFrom" in entry}
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= secret <= here.environment.keys()
