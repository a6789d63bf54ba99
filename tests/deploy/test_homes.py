"""Compose, Kubernetes and Container Apps: read by validators, and held against what the application needs."""

import re
import shlex
import string
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from azure.mgmt.appcontainers.models import ContainerApp

from chatbot.answer_caches import cache_named
from chatbot.conversation import ConversationStore
from chatbot.server import KEEP_SECONDS
from chatbot.settings import Settings, variable
from tests.deploy.image import DOCKERFILE, stages
from tests.replicas.nginx import DOCUMENTED, MAIN, executable
from tests.support.app_process import ROOT

DEPLOY = ROOT / "deploy"
HOMES = (ROOT / "docs" / "homes.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

CLOSING_SECONDS = 16
"""What `app.py` gives the database and the connections to endpoints."""

NEEDED = Settings.model_fields["drain_seconds"].default + KEEP_SECONDS + CLOSING_SECONDS

KNOWN = {variable(name) for name in Settings.model_fields}

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
REPLICAS = [SERVICES["chatbot-1"], SERVICES["chatbot-2"]]

MANIFESTS = sorted(set((DEPLOY / "kubernetes").glob("*.yaml")) - {DEPLOY / "kubernetes" / "kustomization.yaml"})
BY_KIND = {each["kind"]: each for each in (yaml.safe_load(path.read_text(encoding="utf-8")) for path in MANIFESTS)}


def run(tool: str, *arguments: str | Path) -> str:
    command = [Path(sys.executable).with_name(tool), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_compose_is_what_its_specification_allows():
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


def test_every_process_of_compose_is_locked_in_and_has_time_to_end():
    for each in REPLICAS:
        assert each["read_only"]
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert int(each["stop_grace_period"].removesuffix("s")) > NEEDED
        assert (DEPLOY / each["build"]["context"] / each["build"]["dockerfile"]).resolve() == DOCKERFILE
        for extra in each["build"]["args"]["EXTRAS"].split():
            assert (ROOT / f"requirements-{extra}.txt").is_file()


def test_compose_sets_what_can_be_set_and_used():
    settings = REPLICAS[0]["environment"]
    assert settings.keys() <= KNOWN
    ConversationStore(re.sub(r"\$\{.+?\}", "password", settings["CHATBOT_STORE_URL"]))
    cache_named(settings["CHATBOT_ANSWER_CACHE"], seconds=1, most=1)
    assert settings["CHATBOT_TRUSTED_PROXIES"] == SERVICES["nginx"]["networks"]["default"]["ipv4_address"]
    # The application refuses a name that begins like its own and is none of its settings.
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert not {name for name in asked if name.startswith("CHATBOT_")}


def test_only_nginx_of_compose_is_reached_from_outside_and_by_default_from_this_machine():
    assert {name for name, each in SERVICES.items() if "ports" in each} == {"nginx"}
    assert SERVICES["nginx"]["ports"] == ["${PUBLISHED:-127.0.0.1:8080}:8080"]


def test_the_nginx_of_compose_is_the_one_that_was_run():
    [documented] = re.findall(r"```nginx\n(.+?)```", OPERATING, re.DOTALL)
    addresses = [f"{each['networks']['default']['ipv4_address']}:7860" for each in REPLICAS]
    for old, new in (("listen 80;", "listen 8080;"), *zip(DOCUMENTED, addresses, strict=True)):
        documented = documented.replace(old, new)
    ours = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert ours.splitlines()[1:] == documented.splitlines()[1:], "all but the line that says where it belongs"


def test_nginx_takes_its_configuration(tmp_path):
    (tmp_path / "nginx.conf").write_text(MAIN.format(folder=tmp_path, user=""), encoding="utf-8")
    (tmp_path / "chatbot.conf").write_text((DEPLOY / "nginx.conf").read_text(encoding="utf-8"), encoding="utf-8")
    command = [executable(), "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_kubernetes_takes_the_manifests():
    told = run("kubernetes-validate", "--strict", *MANIFESTS)
    assert told.count("passed") == len(MANIFESTS) or not told


def test_the_folder_for_kubernetes_names_each_of_its_files():
    told = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8"))
    assert sorted(told["resources"]) == [path.name for path in MANIFESTS]
    [image] = told["images"]
    [container] = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert image["name"] == container["image"]


def test_the_manifests_fit_each_other():
    deployment = BY_KIND["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert labels == deployment["selector"]["matchLabels"]
    assert labels == BY_KIND["Service"]["spec"]["selector"]
    assert labels == BY_KIND["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert labels == BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    [rule] = BY_KIND["Ingress"]["spec"]["rules"]
    [path] = rule["http"]["paths"]
    [port] = BY_KIND["Service"]["spec"]["ports"]
    assert path["backend"]["service"] == {
        "name": BY_KIND["Service"]["metadata"]["name"],
        "port": {"name": port["name"]},
    }
    annotations = BY_KIND["Ingress"]["metadata"]["annotations"]
    assert all(isinstance(value, str) for value in annotations.values()), "Kubernetes takes strings only"
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"


def test_a_pod_has_no_rights_and_time_to_end():
    pod = BY_KIND["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"]
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert user == stages()[-1].one("USER")
    assert not pod["automountServiceAccountToken"]
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pod["terminationGracePeriodSeconds"] > waits + NEEDED
    assert {each["name"] for each in container["env"]} <= KNOWN
    assert {each["mountPath"] for each in container["volumeMounts"]} == {"/tmp"}
    paths = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


@pytest.fixture(scope="module")
def container_app() -> ContainerApp:
    """The file with its blanks filled in, as Microsoft's own library reads it."""
    text = (DEPLOY / "container-app.yaml").read_text(encoding="utf-8")
    template = string.Template(text.split("\n", 1)[1])
    values = dict.fromkeys(template.get_identifiers(), "value")
    values["STORE_URL"] = "postgresql+psycopg://chatbot:password@host:5432/chatbot?sslmode=require"
    return ContainerApp(yaml.safe_load(template.substitute(values)))


def test_the_container_app_has_only_what_there_is(container_app):
    seen = dict(_models(container_app))
    assert {"Template", "Container", "ContainerAppProbe", "Ingress", "Secret", "Scale"} <= {
        type(each).__name__ for each in seen.values()
    }
    for place, each in seen.items():
        known = {name for base in type(each).__mro__ for name in getattr(base, "__annotations__", ())}
        unknown = {name for name in each if _snake(name) not in known}
        assert not unknown, f"{place} has no {unknown}"


def test_the_container_app_stays_with_its_visitors_and_has_time_to_end(container_app):
    configuration, template = container_app.properties.configuration, container_app.properties.template
    assert configuration.active_revisions_mode == "Single", "sticky sessions exist in this mode only"
    assert configuration.ingress.sticky_sessions.affinity == "sticky"
    assert not configuration.ingress.allow_insecure
    assert template.termination_grace_period_seconds > NEEDED + 5
    [container] = template.containers
    assert {each.secret_ref for each in container.env if each.secret_ref} == {
        each.name for each in configuration.secrets
    }
    settings = {each.name: each.value for each in container.env}
    assert settings.keys() <= KNOWN
    assert int(settings["CHATBOT_PORT"]) == configuration.ingress.target_port
    [store] = [each.value for each in configuration.secrets if each.name == "store-url"]
    ConversationStore(store)
    probes = {each.type: each for each in container.probes}
    paths = {kind: each.http_get.path for kind, each in probes.items()}
    assert paths == {"Startup": "/healthz", "Liveness": "/healthz", "Readiness": "/readyz"}
    for each in probes.values():
        assert each.http_get.port == configuration.ingress.target_port
        assert (each.failure_threshold or 3) <= 10, "the most that Container Apps take"


def test_the_lines_for_the_container_app_fill_in_all_of_it():
    [lines] = [block for block in re.findall(r"```sh\n(.+?)```", HOMES, re.DOTALL) if "az containerapp" in block]
    text = (DEPLOY / "container-app.yaml").read_text(encoding="utf-8").split("\n", 1)[1]
    assert set(re.findall(r"export (\w+)=", lines)) >= set(string.Template(text).get_identifiers())


def test_every_command_of_the_page_is_one_that_was_read():
    languages = set(re.findall(r"^```(\w*)$", HOMES, re.MULTILINE))
    assert languages <= {"sh", "ini", ""}
    programs = set()
    for block in re.findall(r"```sh\n(.+?)```", HOMES, re.DOTALL):
        subprocess.run(["sh", "-n"], input=block, text=True, check=True)
        programs |= {shlex.split(line)[0] for line in block.replace("\\\n", " ").splitlines() if line}
    assert programs == {"docker", "kubectl", "export", "az", "envsubst"}
    for name in re.findall(r"deploy/[\w./-]+", HOMES):
        assert (ROOT / name.rstrip(".")).exists(), name
    assert set(re.findall(r"\b(?:CHATBOT|AZUREML)_[A-Z_]+\b", HOMES)) <= KNOWN


def _models(found: object, place: str = "the app") -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield every model within one, with where it is."""
    if isinstance(found, Mapping):
        yield place, found
        for name in found:
            inner = getattr(found, _snake(name), None)
            for number, each in enumerate(inner if isinstance(inner, list) else [inner]):
                yield from _models(each, f"{place}.{name}[{number}]")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
